import { expect, test } from 'vitest';
import { roomIn } from '../../../../functions/sources/postgres-changes/fixed-chunk.ts';
import { progressOf, progressText } from '../../../../functions/sources/postgres-changes/snapshot-progress.ts';

const left = (...rows: readonly number[]) => rows.map((count, index) => ({ table: `public.t${index}`, rows: count }));
const given = { rowsOf: () => 1_000_000, isPaused: false, most: 4, speed: { rows: 50_000, millis: 10_000 } };

test.each([
  [
    'the rows that are left, divided by the speed of the run',
    progressOf(left(400_000, 0), given),
    'reads the rows of public.t0 (400,000 of about 1,000,000), public.t1 (0 of about 1,000,000), about 1,600,000 rows left, 6 min at this speed',
  ],
  [
    'hours, of a hundred tables',
    progressOf(left(...Array(100).fill(0)), given),
    /public\.t3 \(0 of about 1,000,000\), 96 more tables to read, about 100,000,000 rows left, 5 h 34 min at this speed$/,
  ],
  [
    'no time, where the server has not counted the rows of a table',
    progressOf(left(5), { ...given, rowsOf: () => undefined }),
    'reads the rows of public.t0 (5)',
  ],
  [
    'no time before the run has a speed',
    progressOf(left(0), { ...given, speed: { rows: 0, millis: 5_000 } }),
    'reads the rows of public.t0 (0 of about 1,000,000), about 1,000,000 rows left',
  ],
  [
    'no time while nothing is read',
    progressOf(left(5), { ...given, isPaused: true }),
    'the snapshot is paused: rows of public.t0 (5 of about 1,000,000), about 999,995 rows left',
  ],
  [
    'only what was read, of a table that has grown beyond its estimate',
    progressOf(left(1_500_000), given),
    'reads the rows of public.t0 (1,500,000), about 0 rows left, 0 min at this speed',
  ],
])('the progress of a snapshot says %s', (_, progress, text) => {
  if (typeof text === 'string') expect(progressText(progress)).toBe(text);
  else expect(progressText(progress)).toMatch(text);
});

test('a position of a hundred tables with long names leaves less room for rows, and never too little to be stored', () => {
  const name = (index: number) => `${'schema'.repeat(9)}.${'table'.repeat(11)}${index}`;
  const tables = Array.from({ length: 100 }, (_, index) => name(index));
  const position = { slot: 's', tables, snapshot: { left: tables.map((table) => ({ table, rows: 0 })), passed: [] } };
  expect(roomIn({ slot: 's' })).toBe(44 * 1024);
  expect(roomIn(position)).toBeGreaterThan(16 * 1024);
  expect(JSON.stringify(position).length + roomIn(position)).toBeLessThan(64 * 1024);
  expect(roomIn({ ...position, text: 'x'.repeat(100_000) })).toBe(0);
});
