import { describe, expect, test } from 'vitest';
import { copyMarks, dropPassedMarks, marksWithin, noMarks, takeMark } from '../../../functions/runtime/marks.ts';

const sighting = (source: string, sequence: string, hash = 5n) => ({
  source,
  sequence,
  hash: () => hash,
  arrivalMillis: 0,
});

describe('marks', () => {
  test('take an event once, and none that comes before one that was taken', () => {
    const marks = noMarks(0n, 9n);
    expect(takeMark(marks, sighting('/p/a/', '2'))).toBe(true);
    expect(takeMark(marks, sighting('/p/a/', '2'))).toBe(false);
    expect(takeMark(marks, sighting('/p/a/', '1'))).toBe(false);
    expect(takeMark(marks, sighting('/p/a/', '3'))).toBe(true);
    expect(takeMark(marks, sighting('/p/b/', '1'))).toBe(true);
  });

  test('of two merged parents stay apart by hash range', () => {
    const low = noMarks(0n, 4n);
    const high = noMarks(5n, 9n);
    takeMark(low, sighting('/p/a/', '7', 1n));
    takeMark(high, sighting('/p/a/', '3', 8n));
    const merged = [...marksWithin(low, 0n, 9n), ...marksWithin(high, 0n, 9n)];
    expect(takeMark(merged, sighting('/p/a/', '5', 1n))).toBe(false);
    expect(takeMark(merged, sighting('/p/a/', '5', 8n))).toBe(true);
  });

  test('of a split parent go to the child whose range they are for', () => {
    const parent = noMarks(0n, 9n);
    takeMark(parent, sighting('/p/a/', '7'));
    const [child] = marksWithin(parent, 5n, 9n);
    expect(child).toMatchObject({ from: 5n, to: 9n });
    expect(takeMark(marksWithin(parent, 5n, 9n), sighting('/p/a/', '7', 6n))).toBe(false);
    expect(marksWithin(parent, 10n, 12n)).toEqual([]);
  });

  test('are copied, not shared: what a failed batch took does not count', () => {
    const committed = noMarks(0n, 9n);
    takeMark(copyMarks(committed), sighting('/p/a/', '1'));
    expect(takeMark(committed, sighting('/p/a/', '1'))).toBe(true);
  });

  test('of a process go 15 minutes of record time after its last event; those of a step stay', () => {
    const marks = noMarks(0n, 9n);
    takeMark(marks, { ...sighting('/p/devices/process/1', '1'), arrivalMillis: 1_000 });
    takeMark(marks, { ...sighting('/p/cleaning/x/shard/g', '1'), arrivalMillis: 1_000 });
    dropPassedMarks(marks, 1_000 + 15 * 60_000);
    expect([...(marks[0]?.marks.keys() ?? [])]).toHaveLength(2);
    dropPassedMarks(marks, 1_001 + 15 * 60_000);
    expect([...(marks[0]?.marks.keys() ?? [])]).toEqual(['/p/cleaning/x/shard/g']);
  });
});
