import { describe, expect, test } from 'vitest';
import type { ReadUpTo } from '../../../../functions/sources/postgres-changes/position.ts';
import { onThisServer } from '../../../../functions/sources/postgres-changes/timeline.ts';
import { parseSnapshot, sees } from '../../../../functions/sources/postgres-changes/visibility.ts';

/** What Postgres writes when a standby takes over for the second time. */
const HISTORY = '1\t0/3000148\tno recovery target specified\n\n2\t0/5000000\tno recovery target specified\n';

const readAt = (lsn: string, timeline = 2): ReadUpTo => ({
  system: '7',
  timeline,
  database: 'shop',
  start: '0/1000000',
  last: { lsn, xid: 9, micros: '1' },
});

/** A server on a timeline. Resolves to where the reader goes on. */
async function onTimeline(read: ReadUpTo, timeline: number, history = HISTORY): Promise<ReadUpTo> {
  const asked: string[] = [];
  const query = async (text: string) => {
    asked.push(text);
    if (text === 'IDENTIFY_SYSTEM') return [{ systemid: '7', timeline: String(timeline), dbname: 'shop' }];
    if (text === `TIMELINE_HISTORY ${timeline}`) return [{ content: history }];
    throw new Error(`an unexpected statement: ${text}`);
  };
  const found = await onThisServer({ query }, read);
  expect(asked.length).toBe(timeline === read.timeline ? 1 : 2);
  return found;
}

describe('when a standby has taken over', () => {
  test('a reader whose position the standby has too goes on, on the new timeline', async () => {
    expect(await onTimeline(readAt('0/4FFFFFF'), 3)).toEqual({ ...readAt('0/4FFFFFF'), timeline: 3 });
    expect(await onTimeline(readAt('0/3000147', 1), 3)).toMatchObject({ timeline: 3, last: { lsn: '0/3000147' } });
  });

  test.each([
    ['0/5000000', 2, '0/5000000'],
    ['0/5000001', 2, '0/5000000'],
    // Two standbys have taken over since: the first one had less of the log.
    ['0/3000148', 1, '0/3000148'],
  ])('a reader at %s of timeline %i stops, and says where the standby took over', async (lsn, timeline, at) => {
    await expect(onTimeline(readAt(lsn, timeline), 3)).rejects.toThrow(
      `a standby has taken over at ${at}, and the step has read up to ${lsn} of the old server (timeline ${timeline})`,
    );
  });

  test('a reader in the middle of a transaction that the standby does not have stops', async () => {
    const inside = { lsn: '0/5000010', xid: 10, micros: '2', ordinal: 3 };
    await expect(onTimeline({ ...readAt('0/4000000'), inside }, 3)).rejects.toThrow('has read up to 0/5000010');
  });

  test('a server that never was on the timeline of the position is refused', async () => {
    await expect(onTimeline(readAt('0/2000000', 4), 3)).rejects.toThrow('from a server that was not on timeline 4');
  });

  test('a reader on the same timeline asks for no history', async () => {
    expect(await onTimeline(readAt('0/9000000', 3), 3)).toEqual(readAt('0/9000000', 3));
  });
});

describe('a transaction that the log names by 32 bits', () => {
  const HALF = 2 ** 31;
  const snapshot = parseSnapshot(`${3 * HALF}:${3 * HALF + 10}:${3 * HALF + 4}`);
  const low = (xid: number) => xid % 2 ** 32;
  test.each([
    [3 * HALF - 1, true],
    [3 * HALF, true],
    [3 * HALF + 4, false],
    [3 * HALF + 9, true],
    [3 * HALF + 10, false],
    // The oldest and the newest that can be told apart: half of all numbers to either side.
    [2 * HALF + 10, true],
    [4 * HALF + 9, false],
  ])('%i is the one nearest to what the statement saw: %s', (xid, isSeen) => {
    expect(sees(snapshot, low(xid))).toBe(isSeen);
  });
});
