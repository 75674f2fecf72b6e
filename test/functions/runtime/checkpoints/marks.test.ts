import { beforeEach, describe, expect, test } from 'vitest';
import {
  copyMarks,
  dropPassedMarks,
  endInput,
  marksWithin,
  noMarks,
  openInputs,
  takeMark,
} from '../../../../functions/runtime/checkpoints/marks.ts';

const sighting = (source: string, sequence: string, hash = 5n) => ({
  source,
  sequence,
  hash: () => hash,
  arrivalMillis: 0,
});

describe('marks', () => {
  test('take an event once, and no event before one that was taken', () => {
    const marks = noMarks(0n, 9n);
    expect(takeMark(marks, sighting('/p/a/', '2'))).toBe(true);
    expect(takeMark(marks, sighting('/p/a/', '2'))).toBe(false);
    expect(takeMark(marks, sighting('/p/a/', '1'))).toBe(false);
    expect(takeMark(marks, sighting('/p/a/', '3'))).toBe(true);
    expect(takeMark(marks, sighting('/p/b/', '1'))).toBe(true);
  });

  test('of two merged parents stay separate by hash range', () => {
    const low = noMarks(0n, 4n);
    const high = noMarks(5n, 9n);
    takeMark(low, sighting('/p/a/', '7', 1n));
    takeMark(high, sighting('/p/a/', '3', 8n));
    const merged = [...marksWithin(low, 0n, 9n), ...marksWithin(high, 0n, 9n)];
    expect(takeMark(merged, sighting('/p/a/', '5', 1n))).toBe(false);
    expect(takeMark(merged, sighting('/p/a/', '5', 8n))).toBe(true);
  });

  test('of a split parent pass to the child with their range', () => {
    const parent = noMarks(0n, 9n);
    takeMark(parent, sighting('/p/a/', '7'));
    const [child] = marksWithin(parent, 5n, 9n);
    expect(child).toMatchObject({ from: 5n, to: 9n });
    expect(takeMark(marksWithin(parent, 5n, 9n), sighting('/p/a/', '7', 6n))).toBe(false);
    expect(marksWithin(parent, 10n, 12n)).toEqual([]);
  });

  test('are copied, so that the events of a failed batch do not count', () => {
    const committed = noMarks(0n, 9n);
    takeMark(copyMarks(committed), sighting('/p/a/', '1'));
    expect(takeMark(committed, sighting('/p/a/', '1'))).toBe(true);
  });

  test('of a process are dropped 15 minutes of record time after its last event, and those of a step stay', () => {
    const marks = noMarks(0n, 9n);
    takeMark(marks, { ...sighting('/p/devices/process/1', '1'), arrivalMillis: 1_000 });
    takeMark(marks, { ...sighting('/p/cleaning/x/shard/g', '1'), arrivalMillis: 1_000 });
    dropPassedMarks(marks, 1_000 + 15 * 60_000);
    expect([...(marks[0]?.marks.keys() ?? [])]).toHaveLength(2);
    dropPassedMarks(marks, 1_001 + 15 * 60_000);
    expect([...(marks[0]?.marks.keys() ?? [])]).toEqual(['/p/cleaning/x/shard/g']);
  });

  describe('of a generation', () => {
    const HOUR = 3_600_000;
    const at = (source: string, sequence: string, arrivalMillis: number) => ({
      ...sighting(source, sequence),
      arrivalMillis,
    });
    const sources = (marks: ReturnType<typeof noMarks>) => [...(marks[0]?.marks.keys() ?? [])];
    let marks = noMarks(0n, 9n);
    beforeEach(() => {
      marks = noMarks(0n, 9n);
      takeMark(marks, at('/p/a/x/shard-0/old', '5', 1_000));
      takeMark(marks, at('/p/a/x/shard-1/old', '5', 1_000));
    });

    test('stay however long no event comes, because the step may be paused', () => {
      dropPassedMarks(marks, 365 * 24 * HOUR);
      expect(sources(marks)).toEqual(['/p/a/x/shard-0/old', '/p/a/x/shard-1/old']);
    });

    test('are dropped an hour of record time after the next generation of the same shard appears, and of no other shard', () => {
      takeMark(marks, at('/p/a/x/shard-0/new', '6', 2_000));
      dropPassedMarks(marks, 2_000 + HOUR);
      expect(takeMark(marks, at('/p/a/x/shard-0/old', '5', 2_000 + HOUR))).toBe(false);
      dropPassedMarks(marks, 2_001 + HOUR);
      expect(sources(marks)).toEqual(['/p/a/x/shard-1/old', '/p/a/x/shard-0/new']);
    });

    test('of the newer generation end when the code is rolled back, and those of the older one go on', () => {
      takeMark(marks, at('/p/a/x/shard-0/new', '6', 2_000));
      takeMark(marks, at('/p/a/x/shard-0/old', '7', 3_000));
      dropPassedMarks(marks, 2_001 + HOUR);
      expect(sources(marks)).toContain('/p/a/x/shard-0/new');
      dropPassedMarks(marks, 3_001 + HOUR);
      expect(sources(marks)).toEqual(['/p/a/x/shard-0/old', '/p/a/x/shard-1/old']);
    });

    test('of a drained shard are dropped an hour after it was seen to be drained', () => {
      endInput(marks, '/p/a/x/shard-1', 2_000);
      expect([...openInputs(marks)]).toEqual(['/p/a/x/shard-0']);
      dropPassedMarks(marks, 2_001 + HOUR);
      expect(sources(marks)).toEqual(['/p/a/x/shard-0/old']);
    });

    test('are as few after a hundred deployments as after one', () => {
      for (let version = 0; version < 100; version++) {
        const millis = version * 2 * HOUR;
        takeMark(marks, at(`/p/a/x/shard-0/${version}`, `6-${version}`, millis));
        dropPassedMarks(marks, millis);
      }
      expect(sources(marks)).toEqual(['/p/a/x/shard-1/old', '/p/a/x/shard-0/98', '/p/a/x/shard-0/99']);
    });

    test('of one process do not end those of another process', () => {
      takeMark(marks, at('/p/devices/process/1', '1', 1_000));
      takeMark(marks, at('/p/devices/process/2', '1', 1_500));
      expect(marks[0]?.marks.get('/p/devices/process/1')).toEqual({ sequence: '1', seenMillis: 1_000 });
    });
  });
});
