import { firstViolation, hunted, huntInThread, type Seeds } from '../faults/hunt.ts';
import type { Mistake } from '../faults/mistakes.ts';
import { plant } from '../faults/plant.ts';

const JOIN = 'functions/runtime/sql/sql-foreign-join.ts';
const MATCHES = 'functions/runtime/sql/joins/matches.ts';
const ROWS = 'functions/runtime/sql/joins/left-rows.ts';
const SPREAD = 'functions/table-state/spread.ts';

/** Mistakes that somebody might make with joins by a foreign key. The schedules have to catch each of them. */
export const foreignMistakes: Readonly<Record<string, Mistake>> = {
  /** Takes an answer for a row that has changed or moved since. */
  'answer-of-another-version-taken': [
    {
      file: JOIN,
      text: 'if (before === undefined || version !== before.version) return before;',
      mistake: 'if (before === undefined) return before;',
    },
  ],

  /** Answers only rows that meet one: a row that moves to an unknown customer would show the one before. */
  'no-answer-without-a-match': [
    {
      file: MATCHES,
      text: 'published: () => [answer(event, { id: rowId, version, found })],',
      mistake: 'published: () => (found === undefined ? [] : [answer(event, { id: rowId, version, found })]),',
    },
  ],

  /** Takes a row for what it was as long as its foreign key is the same. */
  'version-of-the-foreign-key-alone': [{ file: ROWS, text: '.update(body)', mistake: '' }],

  /** Takes an event for done when its first page is full. */
  'rest-of-the-rows-not-told': [
    {
      file: SPREAD,
      text: 'return { rejections: [], isDone: false };',
      mistake: 'return { rejections: [], isDone: true };',
    },
  ],

  /** Goes on behind the row whose answer did not fit into the page. */
  'row-between-two-pages-not-told': [
    {
      file: SPREAD,
      text: 'if (!publish(spread.publish(id, load(state)))) return { after };',
      mistake: 'if (!publish(spread.publish(id, load(state)))) return { after: id };',
    },
  ],
};

/** Plants a mistake in a thread of its own and plays schedules. Resolves to the first violation, if there is one. */
export function caughtInForeignJoins(mistake: string, schedules: number): Promise<string | undefined> {
  return hunted(import.meta.url, { mistake, from: 0, most: schedules } satisfies Hunt);
}

interface Hunt extends Seeds {
  readonly mistake: string;
}

await huntInThread(import.meta.url, async ({ mistake, ...seeds }: Hunt) => {
  plant(mistake, foreignMistakes[mistake] as Mistake);
  const { playForeignJoin } = await import('./foreign-schedule.ts');
  return await firstViolation(playForeignJoin, seeds);
});
