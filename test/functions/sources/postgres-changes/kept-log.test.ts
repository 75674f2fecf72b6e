import { describe, expect, test } from 'vitest';
import { keptLog } from '../../../../functions/sources/postgres-changes/kept-log.ts';
import { noteOf } from '../../../../functions/sources/postgres-changes/note.ts';

const MIB = 1024n * 1024n;
const HOUR = 3_600_000;
const retained = { bytes: 100n * MIB, safeBytes: 900n * MIB, end: 5_000n * MIB, atMillis: 10 * HOUR };

describe('how long a server keeps what a slot needs', () => {
  test('follows from what it wrote since an earlier time', () => {
    const since = { end: 4_900n * MIB, atMillis: 9 * HOUR };
    expect(keptLog(retained, since)).toEqual({ bytes: Number(100n * MIB), leftMillis: 9 * HOUR });
  });

  test.each([
    ['the time is too short', { end: 4_900n * MIB, atMillis: 10 * HOUR - 9_000 }],
    ['nothing was written', { end: 5_000n * MIB, atMillis: 0 }],
    ['it is years', { end: 5_000n * MIB - 1n, atMillis: 0 }],
    ['there is no earlier time', undefined],
  ])('is not said when %s', (_, since) => {
    expect(keptLog(retained, since)).toEqual({ bytes: Number(100n * MIB) });
  });

  test('is nothing at the limit, however much is written', () => {
    expect(keptLog({ ...retained, safeBytes: -5n }, undefined)).toMatchObject({ leftMillis: 0 });
  });
});

describe('what status says of a slot', () => {
  const noteOfLog = (bytes: bigint, leftMillis?: number) =>
    noteOf({
      snapshot: undefined,
      leftOut: [],
      kept: { bytes: Number(bytes), ...(leftMillis === undefined ? {} : { leftMillis }) },
    });

  test('is nothing while the server keeps little, and for long', () => {
    expect([noteOfLog(63n * MIB), noteOfLog(63n * MIB, 73 * HOUR)]).toEqual([undefined, undefined]);
  });

  test('is how much the server keeps, and how long what the slot needs stays at the present rate', () => {
    const keeps = 'the server keeps 512 MiB of its log for the slot';
    expect(noteOfLog(512n * MIB)).toBe(keeps);
    const removes = (left: string) => `${keeps}; at the present rate it removes what the slot needs in ${left}`;
    expect(noteOfLog(512n * MIB, 36.5 * HOUR)).toBe(removes('36 hours'));
    expect(noteOfLog(512n * MIB, HOUR / 2)).toBe(removes('30 minutes'));
    expect(noteOfLog(512n * MIB, 240 * HOUR)).toBe(removes('10 days'));
    expect(noteOfLog(512n * MIB, 0)).toBe(
      `${keeps}, which is all that it may, so it may remove what the slot needs at any time`,
    );
    expect(noteOfLog(1n * MIB, 71 * HOUR)).toContain('in 71 hours');
  });
});
