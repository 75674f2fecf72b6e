import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { Mistake } from '../faults/mistakes.ts';
import { plant } from '../faults/plant.ts';

const FOLD = 'functions/table-state/fold.ts';

/** Mistakes that somebody might make with tables. The schedules have to catch each of them. */
export const tableMistakes: Readonly<Record<string, Mistake>> = {
  /** Writes rows outside the transaction of the position: a batch that is repeated counts twice. */
  'rows-before-position': [
    {
      file: 'test/kit/tables.ts',
      text: "await call('Commit', () => commit(progress(rejections), [() => apply(into.table, changes)]), signal);",
      mistake: `await call('Copy', () => apply(into.table, changes), signal);
        await call('Commit', () => commit(progress(rejections), []), signal);`,
    },
  ],

  /** Reduces each event from the row before the batch: of several events of a row only the last counts. */
  'rows-of-the-batch-forgotten': [
    { file: FOLD, text: 'kept.has(id) ? kept.get(id) : loaded(id)', mistake: 'loaded(id)' },
  ],

  /** Gives up all events of a batch when the database rejects one row. */
  'one-bad-row-rejects-all': [
    {
      file: 'functions/table-state/reduce.ts',
      text: 'if (given.length === 1) return [rejectionOf(first.event, refusal)];',
      mistake: 'if (given.length > 0) return given.map(({ event }) => rejectionOf(event, refusal));',
    },
  ],
};

/** Plants a mistake in a thread of its own and plays schedules. Resolves to the first violation, if there is one. */
export function caughtInTables(mistake: string, schedules: number): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { mistake, schedules } });
    worker.once('message', (violation: string) => {
      resolve(violation);
      void worker.terminate();
    });
    worker.once('error', reject);
    worker.once('exit', () => resolve(undefined));
  });
}

async function hunt({ mistake, schedules }: { readonly mistake: string; readonly schedules: number }): Promise<void> {
  plant(mistake, tableMistakes[mistake] as Mistake);
  const { playTables } = await import('./table-schedule.ts');
  for (let seed = 0; seed < schedules; seed++) {
    const [violation] = await playTables(seed).catch((error: Error) => [error.message]);
    if (violation !== undefined) return parentPort?.postMessage(violation);
  }
}

const given = workerData as { readonly mistake?: string; readonly schedules: number } | null;
if (!isMainThread && given?.mistake !== undefined && given.mistake in tableMistakes)
  await hunt({ mistake: given.mistake, schedules: given.schedules });
