import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { controls, outcomes, playSchedule, readFaults } from '../infra/emulator/mapping/fault-schedule.ts';
import { randomSchedule } from '../infra/emulator/mapping/random-schedule.ts';
import { type Measured, runAlone } from './rounds.ts';

const schedules = 10_000;
const leastRecords = 200;
const leastInvocations = 20;
const otherMillis = 60_000;
const threads = Math.min(2, availableParallelism());

/** The results of some of the schedules. */
interface Tally {
  readonly counts: Record<string, number>;
  readonly violations: string[];
  readonly records: number;
  readonly invocations: number;
}

/**
 * Plays 10,000 random fault schedules of a mapping with two shards on two threads, each on its own virtual clock, in
 * less than a minute. Throws when one breaks a promise or is too small, or when a kind of fault never happened.
 */
async function benchMapping(): Promise<readonly Measured[]> {
  const begunMillis = performance.now();
  const begunUsage = process.cpuUsage();
  const tallies = await Promise.all(Array.from({ length: threads }, (_, thread) => inThread(thread)));
  const oursMillis = performance.now() - begunMillis;
  const { user, system } = process.cpuUsage(begunUsage);
  const counts = summed(tallies);
  const [records, invocations] = [total(tallies, 'records'), total(tallies, 'invocations')];
  console.log(`mapping: ${schedules} fault schedules, ${records} records, ${invocations} invocations in virtual time`);
  for (const kind of kinds) console.log(`  ${String(counts[kind] ?? 0).padStart(8)} ${kind}`);
  console.log(`  ${((user + system) / 1e6).toFixed(1)} s of processor time on ${threads} threads`);
  const broken = [
    ...tallies.flatMap((tally) => tally.violations),
    ...kinds.filter((kind) => counts[kind] === undefined).map((kind) => `"${kind}" never happened`),
  ];
  if (broken.length > 0) throw new Error(`${broken.length} broken:\n${broken.slice(0, 20).join('\n')}`);
  const name = `${schedules} fault schedules of a mapping`;
  return [{ name, versus: 'a minute', target: 1, oursMillis, otherMillis, ratio: otherMillis / oursMillis }];
}

/** Every kind of fault, and everything that a mapping may do in the end. */
const kinds = [
  ...outcomes.filter((outcome) => outcome !== 'succeeds'),
  ...readFaults.filter((fault) => fault !== 'none').map((fault) => `read ${fault}`),
  ...controls,
  'document refused',
  'RetryAttemptsExhausted',
  'RecordAgeExceeded',
];

function inThread(thread: number): Promise<Tally> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { thread } });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

/** Plays this thread's schedules. */
async function play(thread: number): Promise<Tally> {
  const counts: Record<string, number> = {};
  const violations: string[] = [];
  let [records, invocations] = [0, 0];
  for (let seed = thread; seed < schedules; seed += threads) {
    const result = await playSchedule(randomSchedule(seed), { isTraced: false });
    for (const [kind, times] of Object.entries(result.counts)) counts[kind] = (counts[kind] ?? 0) + times;
    violations.push(...result.violations.map((violation) => `seed ${seed}: ${violation}`));
    if (result.records < leastRecords) violations.push(`seed ${seed}: ${result.records} records are too few`);
    if (result.invocations < leastInvocations)
      violations.push(`seed ${seed}: ${result.invocations} invocations are too few`);
    records += result.records;
    invocations += result.invocations;
  }
  return { counts, violations, records, invocations };
}

function summed(tallies: readonly Tally[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [kind, times] of tallies.flatMap(({ counts }) => Object.entries(counts)))
    sums[kind] = (sums[kind] ?? 0) + times;
  return sums;
}

function total(tallies: readonly Tally[], what: 'records' | 'invocations'): number {
  return tallies.reduce((sum, tally) => sum + tally[what], 0);
}

if (!isMainThread && parentPort !== null) parentPort.postMessage(await play(workerData.thread));
else if (import.meta.main) await runAlone(benchMapping);
