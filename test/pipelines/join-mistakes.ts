import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { Mistake } from '../faults/mistakes.ts';
import { plant } from '../faults/plant.ts';

const JOIN = 'functions/runtime/sql/joins/side-event.ts';
const REDUCE = 'functions/table-state/reduce.ts';

/** Mistakes that somebody might make with joins. The schedules have to catch each of them. */
export const joinMistakes: Readonly<Record<string, Mistake>> = {
  /** Leaves both sides keyed as they came: an order and its customer's row are then in different shards. */
  'sides-not-re-keyed': [{ file: JOIN, text: 'key: key === null ? own : eventKeyOf(key),', mistake: 'key: own,' }],

  /** Publishes events of a portion that did not fit into the page, and again when their turn comes. */
  'published-though-it-did-not-fit': [
    {
      file: REDUCE,
      text: 'const refusal = fits ?',
      mistake: 'if (!fits) changes?.add(change, given);\n  const refusal = fits ?',
    },
  ],

  /** Takes an event whose joined event does not fit into the page for done. */
  'page-full-event-lost': [
    {
      file: REDUCE,
      text: 'const upTo = events[events.indexOf(reducing.next) - 1]?.position ?? last;',
      mistake: 'const upTo = reducing.next.position;',
    },
  ],
};

/** Plants a mistake in a thread of its own and plays schedules. Resolves to the first violation, if there is one. */
export function caughtInJoins(mistake: string, schedules: number): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { joinMistake: mistake, schedules } });
    worker.once('message', (violation: string) => {
      resolve(violation);
      void worker.terminate();
    });
    worker.once('error', reject);
    worker.once('exit', () => resolve(undefined));
  });
}

interface Hunt {
  readonly joinMistake: string;
  readonly schedules: number;
}

async function hunt({ joinMistake, schedules }: Hunt): Promise<void> {
  plant(joinMistake, joinMistakes[joinMistake] as Mistake);
  const { playJoin } = await import('./join-schedule.ts');
  for (let seed = 0; seed < schedules; seed++) {
    const [violation] = await playJoin(seed).catch((error: Error) => [error.message]);
    if (violation !== undefined) return parentPort?.postMessage(violation);
  }
}

const given = workerData as Partial<Hunt> | null;
if (!isMainThread && given?.joinMistake !== undefined && given.joinMistake in joinMistakes) await hunt(given as Hunt);
