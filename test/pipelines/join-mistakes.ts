import { firstViolation, hunted, huntInThread, type Seeds } from '../faults/hunt.ts';
import type { Mistake } from '../faults/mistakes.ts';
import { plant } from '../faults/plant.ts';

const JOIN = 'functions/runtime/sql/joins/side-event.ts';
const REDUCE = 'functions/table-state/reduce.ts';

/** Mistakes that somebody might make with joins. The schedules have to catch each of them. */
export const joinMistakes: Readonly<Record<string, Mistake>> = {
  /** Leaves both sides keyed as they came: an order and its customer's row are then in different shards. */
  'sides-not-re-keyed': [{ file: JOIN, text: 'key: key === null ? own : eventKeyOf(key),', mistake: 'key: own,' }],

  /** Publishes what an event makes that does not fit into the page any more, and again when its turn comes. */
  'published-though-it-did-not-fit': [
    {
      file: REDUCE,
      text: 'if (!fits && given.length === 1) return notFitting(reducing, first);',
      mistake: `if (!fits && given.length === 1) {
        const rest = notFitting(reducing, first);
        changes?.add(change, given);
        return rest;
      }`,
    },
  ],

  /** Takes an event whose joined event does not fit into the page for done. */
  'page-full-event-lost': [
    {
      file: REDUCE,
      text: 'const upTo = events[events.indexOf(reducing.next) - 1]?.position ?? last ?? from;',
      mistake: 'const upTo = reducing.next.position;',
    },
  ],
};

/** Plants a mistake in a thread of its own and plays schedules. Resolves to the first violation, if there is one. */
export function caughtInJoins(mistake: string, schedules: number): Promise<string | undefined> {
  return hunted(import.meta.url, { mistake, from: 0, most: schedules } satisfies Hunt);
}

interface Hunt extends Seeds {
  readonly mistake: string;
}

await huntInThread(import.meta.url, async ({ mistake, ...seeds }: Hunt) => {
  plant(mistake, joinMistakes[mistake] as Mistake);
  const { playJoin } = await import('./join-schedule.ts');
  return await firstViolation(playJoin, seeds);
});
