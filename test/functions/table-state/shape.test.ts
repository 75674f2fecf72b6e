import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import { hopping, session, tumbling, type Windowing } from '../../../functions/runtime/windows.ts';
import {
  adoptedShape,
  changeBetween,
  readStateNote,
  shapeOf,
  stateNote,
} from '../../../functions/table-state/shape.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const row = z.object({ region: z.string(), n: z.int32() });

const shape = ({ windows }: Pick<Windowing, 'windows'>) => shapeOf({ row, key: ['region'], windows });
const quarters = (options: { grace?: number; retention?: number; emit?: 'changes' | 'final' } = {}) =>
  shape(tumbling({ size: 15 * MINUTE, grace: 5 * MINUTE, retention: DAY, ...options }));

const before = quarters();

describe('of a table with windows', () => {
  test.each([
    ['a shorter grace period', { grace: 0 }, 'windows took events for 300 s after their ends and take them for 0 s'],
    ['a longer one', { grace: 10 * MINUTE }, 'windows took events for 300 s after their ends and take them for 600 s'],
    [
      'a shorter retention',
      { retention: DAY / 2 },
      'windows were kept for 85500 s after their ends and are kept for 42300 s: older ones are dropped',
    ],
    [
      'a longer one',
      { retention: 2 * DAY },
      'windows were kept for 85500 s after their ends and are kept for 171900 s: those that are gone stay gone',
    ],
  ])('%s is transparent, and changes no row', (_, options, difference) => {
    const change = changeBetween(before, quarters(options));
    expect(change).toEqual({ kind: 'transparent', isOfRows: false, differences: [difference] });
  });

  test('a grace period that is longer than windows were kept needs another state, because their rows are gone', () => {
    expect(changeBetween(before, quarters({ grace: DAY - 15 * MINUTE, retention: 2 * DAY }))).toMatchObject({
      kind: 'transparent',
    });
    expect(changeBetween(before, quarters({ grace: DAY, retention: 2 * DAY }))).toMatchObject({
      kind: 'rebuild',
      differences: [
        'windows took events for 300 s after their ends and take them for 86400 s, and they were dropped after 85500 s',
      ],
    });
  });

  test('another EMIT or another kind of window needs another state', () => {
    expect(changeBetween(before, quarters({ emit: 'final' }))).toMatchObject({
      kind: 'rebuild',
      differences: ['the windows were tumbling, emit changes and are tumbling, emit final'],
    });
    const hops = hopping({ size: 15 * MINUTE, advance: 5 * MINUTE, grace: 5 * MINUTE, retention: DAY });
    expect(changeBetween(before, shape(hops)).kind).toBe('rebuild');
  });

  test('a session takes events until its gap and the grace period are over, and another gap needs another state', () => {
    const [one, other] = [10, 20].map((gap) => shape(session({ gap: gap * MINUTE, grace: 0 })));
    expect([one?.times?.takes, other?.times?.takes]).toEqual([10 * MINUTE, 20 * MINUTE]);
    expect(changeBetween(one!, other!)).toMatchObject({
      kind: 'rebuild',
      differences: ['the gap of a session was 600 s and is 1200 s'],
    });
  });

  test('another size or advance needs another state, because the rows are of other windows', () => {
    const hours = shape(tumbling({ size: 60 * MINUTE, grace: 5 * MINUTE, retention: DAY + 45 * MINUTE }));
    expect(changeBetween(before, hours)).toMatchObject({
      kind: 'rebuild',
      differences: ['the size of a window was 900 s and is 3600 s'],
    });
    const hops = (advance: number) => shape(hopping({ size: 60 * MINUTE, advance: advance * MINUTE }));
    expect(changeBetween(hops(5), hops(10))).toMatchObject({
      kind: 'rebuild',
      differences: ['the advance of a window was 300 s and is 600 s'],
    });
  });

  test('a state of an earlier version, which does not say how long its windows are, goes on, and says it from then on', () => {
    const { size: _, advance: __, ...times } = before.times!;
    const earlier = { ...before, times };
    const longer = shape(tumbling({ size: 30 * MINUTE, grace: 5 * MINUTE, retention: DAY + 15 * MINUTE }));
    expect(changeBetween(earlier, longer)).toMatchObject({ kind: 'none' });
    expect(adoptedShape(earlier, before).times).toEqual(before.times);
  });

  test('a state of an earlier version, which does not say its times, goes on, and says them from then on', () => {
    const { times: _, ...earlier } = before;
    expect(changeBetween(earlier, quarters({ grace: 0 }))).toMatchObject({ kind: 'none' });
    const adopted = adoptedShape({ ...earlier, since: '2026-01-01T00:00:00.000Z' }, quarters({ grace: 0 }));
    expect(readStateNote('shop/sums', stateNote('shop/sums', adopted))).toMatchObject({
      since: '2026-01-01T00:00:00.000Z',
      times: { takes: 0, keeps: DAY - 15 * MINUTE },
    });
    expect(adopted.gone).toBeUndefined();
  });

  test('code that keeps windows for longer notes which may be gone, and code that keeps them for less forgets nothing', () => {
    const longer = adoptedShape(before, quarters({ retention: 2 * DAY }));
    const goneMillis = Date.parse(longer.gone ?? '');
    expect(goneMillis).toBeGreaterThan(Date.now() - DAY);
    expect(goneMillis).toBeLessThan(Date.now() - DAY + 60 * MINUTE);
    expect(adoptedShape(longer, before).gone).toBe(longer.gone);
  });
});

test('what is noted of a state that was made again of the log stays when code with other rows goes on with it', () => {
  const code = shapeOf({ row, key: ['region'] });
  const noted = { filled: { 'stream/shard': 'position' }, corrects: { number: 1, at: '2026-01-01T00:00:00.000Z' } };
  expect(adoptedShape({ ...code, shown: 'earlier', ...noted }, code)).toMatchObject(noted);
  expect(readStateNote('shop/sums', stateNote('shop/sums', { ...code, ...noted }))).toMatchObject(noted);
});

test.each([
  ['cut off', (note: string) => note.slice(0, -20)],
  ['without columns', (note: string) => note.replace('"columns"', '"colums"')],
  ['emptied', (note: string) => note.slice(0, note.indexOf('{'))],
])('the comment of a state that somebody has changed names the table, the text and the fix: %s', (_, change) => {
  const changed = change(stateNote('shop/sums', shapeOf({ row, key: ['region'] })));
  const read = () => readStateNote('shop/sums', changed);
  expect(read).toThrow(UserMistake);
  expect(read).toThrow(
    /^the comment of the state of table shop\/sums is not as Millrace wrote it.* '.*'; write back the/,
  );
});

test('the comment of another table is none of this step', () => {
  expect(readStateNote('shop/sums', 'somebody wrote this')).toBeUndefined();
});
