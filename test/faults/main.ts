import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { type Options, parseOptions } from './arguments.ts';
import { listenForInterrupt } from './interrupted.ts';
import { mistakes } from './mistakes.ts';
import { plantMistake } from './plant.ts';
import type { PlayedSchedule } from './played.ts';
import { ENOUGH_SCHEDULES, type Schedule, scheduleOf } from './schedule.ts';
import type { Tally } from './tally.ts';

const USAGE = `usage: npm run test:faults -- [--schedules 500] [--seed 0] [--only tables] [--mistake <name>] [--brief]
       npm run test:faults -- --kills 30 [--seed 0]

Plays schedules of faults, beginning at a seed, and compares the results with an oracle. Ctrl-C prints the results so far.
Every sixth seed also plays a schedule of tables and their change streams, of windows and joins, of a pulled source and
a table that is made again, or of the sinks that are not in the chain.
--only tables plays these only, one for each seed.
--brief does not shrink a broken schedule.
--mistake plants a mistake in the product's code, and stops at the first schedule that breaks: ${Object.keys(mistakes).join(', ')}
--kills runs the demo's pipelines with real processes instead, and kills that many of them (SIGKILL) while they work.`;

interface Work {
  readonly seed: number;
  readonly schedules: number;
  readonly threads: number;
  readonly mistake: string | undefined;
  readonly only: 'tables' | undefined;
}

/** Every so many seeds, the tables have a schedule too: no multiple of five, so that all kinds have their turn. */
const TABLES_EVERY = 6;

/** A played schedule, and what it is a schedule of. */
type Sent = PlayedSchedule & { readonly of: 'chain' | 'tables' };

/** A schedule that broke a promise. */
type Broken = { readonly of: 'chain'; readonly schedule: Schedule } | { readonly of: 'tables'; readonly seed: number };

async function tallyOf(only: Work['only']): Promise<Tally> {
  const { newTally } = await import('./tally.ts');
  return only === undefined ? newTally() : newTally((await import('./of-tables.ts')).matrixOfTables);
}

if (isMainThread) await main();
else await playInThread(workerData as Work);

async function main(): Promise<void> {
  const options = optionsOrMessage();
  if (options === undefined) return;
  const { seed, schedules, kills, mistake, only, brief } = options;
  if (kills !== undefined) return (await import('./kills.ts')).killAndCompare({ kills, seed });
  const threads = brief ? 1 : Math.min(availableParallelism(), schedules);
  const broken = await playAll({ seed, schedules, mistake, only, threads });
  if (broken !== undefined && !brief) await explain(broken, mistake);
}

/** Parses the command line. Returns undefined after it has printed the usage or an error. */
function optionsOrMessage(): Options | undefined {
  try {
    const options = parseOptions(process.argv.slice(2), Object.keys(mistakes));
    if (!options.help) return options;
    console.log(USAGE);
  } catch (error) {
    if (!(error instanceof UserMistake)) throw error;
    console.error(error.message);
    process.exitCode = 2;
  }
  return undefined;
}

/** Plays all schedules in threads and prints the results. Resolves to the first broken schedule, if any. */
async function playAll(work: Work): Promise<Broken | undefined> {
  const { mistake, schedules, threads } = work;
  using interrupted = listenForInterrupt();
  const tally = await tallyOf(work.only);
  const broken: Broken[] = [];
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
  const note = (played: Sent): void => {
    if (played.of === (work.only ?? 'chain')) {
      done++;
      tally.add(played);
    }
    if (played.violations.length === 0) return;
    const { of, seed } = played;
    broken.push(of === 'chain' ? { of, schedule: scheduleOf(seed) } : { of, seed });
    console.log(`schedule ${played.seed}${played.of === 'tables' ? ' of tables' : ''}: ${played.violations[0]}`);
    if (mistake !== undefined) stop();
  };
  const show = (): void => {
    if (performance.now() - shownMillis < 5_000) return;
    shownMillis = performance.now();
    const left = ((shownMillis - begunMillis) / done) * (schedules - done);
    console.log(`${done} of ${schedules} schedules, ${broken.length} broken, ${Math.ceil(left / 1_000)} s left`);
  };
  const ended = workers.map(
    (worker) =>
      new Promise<void>((resolve, reject) => {
        worker.on('error', reject);
        worker.on('exit', () => resolve());
        worker.on('message', (played: Sent) => {
          note(played);
          show();
        });
      }),
  );
  await Promise.all(ended);
  const isWhole = mistake === undefined && done === schedules && schedules >= ENOUGH_SCHEDULES;
  if (isWhole) {
    console.log(`aiming at the ${tally.missed().length} cells that no schedule met`);
    const sweeping = work.only === undefined ? sweptChain(tally) : sweptTables(tally);
    broken.push(...(await Promise.race([sweeping, aborted(interrupted.signal)])));
  }
  console.log(`\n${tally.table()}\n`);
  const seconds = Math.round((performance.now() - begunMillis) / 1_000);
  console.log(
    `${done} schedules in ${seconds} s, ${broken.length} broken${mistake === undefined ? '' : `, with the mistake '${mistake}'`}`,
  );
  const gaps = isWhole ? tally.gaps() : [];
  for (const gap of gaps) console.log(gap);
  // The schedules for missed cells may still be running.
  if (interrupted.signal.aborted) process.exit(130);
  process.exitCode = broken.length === 0 && gaps.length === 0 && done === schedules ? 0 : 1;
  return broken[0];
}

async function sweptChain(tally: Tally): Promise<readonly Broken[]> {
  const { swept } = await import('./sweep.ts');
  return (await swept(tally)).map((schedule) => ({ schedule, of: 'chain' }));
}

async function sweptTables(tally: Tally): Promise<readonly Broken[]> {
  const { sweptTables: swept } = await import('./of-tables.ts');
  return (await swept(tally)).map(({ seed }) => ({ seed, of: 'tables' }));
}

/** Resolves to an empty list when the signal aborts. */
function aborted(signal: AbortSignal): Promise<readonly never[]> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve([]), { once: true }));
}

async function explain(broken: Broken, mistake: string | undefined): Promise<void> {
  if (mistake !== undefined) plantMistake(mistake);
  if (broken.of === 'tables') {
    const { explainedOfTables } = await import('./of-tables.ts');
    console.log(`\n${await explainedOfTables(broken.seed)}`);
    return;
  }
  const { explained } = await import('./failure.ts');
  console.log(`\n${await explained(broken.schedule)}`);
}

/** Plays this thread's share: one of every `threads` schedules. */
async function playInThread({ seed, schedules, threads, mistake, only }: Work): Promise<void> {
  // The mistake has to be planted before the modules that it changes are loaded.
  if (mistake !== undefined) plantMistake(mistake);
  const { playedSchedule } = await import('./played.ts');
  const { playedOfTables } = await import('./of-tables.ts');
  const send = (played: PlayedSchedule, of: Sent['of']): void => parentPort?.postMessage({ ...played, of });
  for (let index = 0; index < schedules; index += threads) {
    const next = seed + index;
    if (only === undefined) send(await playedSchedule(scheduleOf(next)), 'chain');
    if (only === 'tables' || (mistake === undefined && next % TABLES_EVERY === 0))
      send(await playedOfTables(next), 'tables');
  }
}
