import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { type Asked, askedOf } from './arguments.ts';
import { listenForInterrupt } from './interrupted.ts';
import { mistakes } from './mistakes.ts';
import { plantMistake } from './plant.ts';
import type { PlayedSchedule } from './played.ts';

const USAGE = `usage: npm run test:faults -- [--schedules 500] [--seed 0] [--mistake <name>] [--brief]
       npm run test:faults -- --kills 30 [--seed 0]

Plays schedules of faults, from a seed on, and compares what there is with what has to be. Ctrl-C shows what there is so far.
--brief does not make a broken schedule smaller.
--mistake plants one, and stops at the first schedule that it breaks: ${Object.keys(mistakes).join(', ')}
--kills runs the demo's pipelines for real instead, and ends so many of their processes by SIGKILL while they work.`;

/** As many schedules meet every cell. */
const ENOUGH = 250;

interface Work {
  readonly seed: number;
  readonly schedules: number;
  readonly threads: number;
  readonly mistake: string | undefined;
}

if (isMainThread) await main();
else await playInThread(workerData as Work);

async function main(): Promise<void> {
  const asked = askedOrExplained();
  if (asked === undefined) return;
  const { seed, schedules, kills, mistake, brief } = asked;
  if (kills !== undefined) return (await import('./kills.ts')).killAndCompare({ kills, seed });
  const threads = brief ? 1 : Math.min(availableParallelism(), schedules);
  const broken = await playAll({ seed, schedules, mistake, threads });
  if (broken !== undefined && !brief) await explain(broken, mistake);
}

/** Undefined: what there is to say has been said. */
function askedOrExplained(): Asked | undefined {
  try {
    const asked = askedOf(process.argv.slice(2), Object.keys(mistakes));
    if (!asked.help) return asked;
    console.log(USAGE);
  } catch (error) {
    if (!(error instanceof UserMistake)) throw error;
    console.error(`${error.message}\n\n${USAGE}`);
    process.exitCode = 2;
  }
  return undefined;
}

/** Resolves to the seed of the first schedule that is broken, when there is time to explain it. */
async function playAll(work: Work): Promise<number | undefined> {
  const { newTally } = await import('./tally.ts');
  const { mistake, schedules, threads } = work;
  using interrupted = listenForInterrupt();
  const tally = newTally();
  const broken: PlayedSchedule[] = [];
  const begunMillis = performance.now();
  let shownMillis = begunMillis;
  let done = 0;
  const workers = Array.from(
    { length: threads },
    (_, thread) => new Worker(new URL(import.meta.url), { workerData: { ...work, seed: work.seed + thread } }),
  );
  const stop = (): void => {
    for (const worker of workers) void worker.terminate();
  };
  interrupted.signal.addEventListener('abort', stop, { once: true });
  const ended = workers.map(
    (worker) =>
      new Promise<void>((resolve, reject) => {
        worker.on('error', reject);
        worker.on('exit', () => resolve());
        worker.on('message', (played: PlayedSchedule) => {
          done++;
          tally.add(played);
          if (played.violations.length > 0) {
            broken.push(played);
            console.log(`schedule ${played.seed}: ${played.violations[0]}`);
            if (mistake !== undefined) stop();
          }
          if (performance.now() - shownMillis < 5_000) return;
          shownMillis = performance.now();
          const left = ((shownMillis - begunMillis) / done) * (schedules - done);
          console.log(`${done} of ${schedules} schedules, ${broken.length} broken, ${Math.ceil(left / 1_000)} s left`);
        });
      }),
  );
  await Promise.all(ended);
  const isWhole = mistake === undefined && done === schedules && schedules >= ENOUGH;
  if (isWhole) {
    console.log(`aiming at ${tally.missed().length} cells that were missed`);
    const { swept } = await import('./sweep.ts');
    for (const played of await Promise.race([swept(tally), aborted(interrupted.signal)])) broken.push(played);
  }
  console.log(`\n${tally.table()}\n`);
  const seconds = Math.round((performance.now() - begunMillis) / 1_000);
  console.log(
    `${done} schedules in ${seconds} s, ${broken.length} broken${mistake === undefined ? '' : `, with the mistake '${mistake}'`}`,
  );
  const gaps = isWhole ? tally.gaps() : [];
  for (const gap of gaps) console.log(gap);
  // It may be sweeping still.
  if (interrupted.signal.aborted) process.exit(130);
  process.exitCode = broken.length === 0 && gaps.length === 0 && done === schedules ? 0 : 1;
  return broken[0]?.seed;
}

/** Resolves, to nothing, when the signal aborts. */
function aborted(signal: AbortSignal): Promise<readonly never[]> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve([]), { once: true }));
}

async function explain(seed: number, mistake: string | undefined): Promise<void> {
  if (mistake !== undefined) plantMistake(mistake);
  const { explained } = await import('./failure.ts');
  const { scheduleOf } = await import('./schedule.ts');
  console.log(`\n${await explained(scheduleOf(seed))}`);
}

/** Every so many schedules, this thread's. */
async function playInThread({ seed, schedules, threads, mistake }: Work): Promise<void> {
  // Before anything is loaded that it is planted in.
  if (mistake !== undefined) plantMistake(mistake);
  const { playedSchedule } = await import('./played.ts');
  const { scheduleOf } = await import('./schedule.ts');
  for (let index = 0; index < schedules; index += threads) {
    parentPort?.postMessage(await playedSchedule(scheduleOf(seed + index)));
  }
}
