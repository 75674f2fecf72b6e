import type { StatusState, StepStatus } from '../operation/status/status.ts';
import type { StepSummary } from './answers.ts';

/** From what a person should look at first to what needs no look. */
const WORST_FIRST: readonly StatusState[] = [
  'held',
  'unknown',
  'behind',
  'rewinding',
  'rebuilding',
  'paused',
  'running',
  'idle',
  'ended',
];

/** Sums up a step over its shards. Undefined without rows. */
export function summaryOf(rows: readonly StepStatus[]): StepSummary | undefined {
  const [first] = rows;
  if (first === undefined) return undefined;
  const states = new Set(rows.map(({ state }) => state));
  const state = WORST_FIRST.find((one) => states.has(one)) ?? first.state;
  const note = rows.find((row) => row.state === state && row.note !== undefined)?.note;
  const sum = (count: (row: StepStatus) => number): number => rows.reduce((all, row) => all + count(row), 0);
  return {
    pipeline: first.pipeline,
    step: first.step,
    state,
    shards: rows.filter(({ shard }) => shard !== undefined).length,
    lagMillis: Math.max(...rows.map(({ lagMillis = 0 }) => lagMillis)),
    behind: sum(({ eventsBehind, recordsBehind = 0 }) => eventsBehind ?? recordsBehind),
    counts: rows.some(({ eventsBehind }) => eventsBehind !== undefined) ? 'events' : 'messages',
    andMore: rows.some(({ andMore }) => andMore),
    deadLetters: sum(({ deadLetters }) => deadLetters),
    ...(note === undefined ? {} : { note }),
  };
}
