import { firstViolation, hunted, huntInThread, type Seeds } from '../faults/hunt.ts';
import type { Mistake } from '../faults/mistakes.ts';
import { plant } from '../faults/plant.ts';

const OUTBOX = 'functions/runtime/outbox/outbox.ts';
const FOLD = 'functions/table-state/fold.ts';

/** Mistakes that somebody might make with tables. The schedules have to catch each of them. */
export const tableMistakes: Readonly<Record<string, Mistake>> = {
  /** Writes rows outside the transaction of the position: a batch that is repeated counts twice. */
  'rows-before-position': [
    {
      file: 'test/kit/tables.ts',
      text: "await call('Commit', end, signal);",
      mistake: `await call('Copy', () => apply(table, changes), signal);
        await call('Commit', () => commit(moved, [note]), signal);`,
    },
  ],

  /** Reduces each event from the row before the batch: of several events of a row only the last counts. */
  'rows-of-the-batch-forgotten': [
    { file: FOLD, text: 'known !== undefined || kept.has(id) ? known : loaded(table', mistake: 'loaded(table' },
  ],

  /** Appends changes before the commit: a retry that is cut otherwise makes others under the same names. */
  'changes-before-commit': [
    {
      file: OUTBOX,
      text: 'return { revision, page, packed, size, progress:',
      mistake: `void writer.append(page, AbortSignal.timeout(60_000)).catch(() => undefined);
      return { revision, page, packed, size, progress:`,
    },
  ],

  /** Replaces a page that another process has committed, without knowing that it is in the log. */
  'page-replaced-unseen': [
    {
      file: OUTBOX,
      text: 'if (page === undefined) return settled;',
      mistake: 'if (loaded.revision >= 0) return settled;',
    },
  ],

  /** Acknowledges a batch that is processed already without appending what is left of it. */
  'nothing-new-nothing-appended': [
    {
      file: 'functions/runtime/batches/shard-input.ts',
      text: 'outbox === undefined ? stored : await outbox.settle',
      mistake: 'outbox === undefined || stored.revision > 0 ? stored : await outbox.settle',
    },
    {
      file: 'functions/runtime/batches/write-batch.ts',
      text: 'if (outbox !== undefined && isPassed(toWrite)) return nothing(shard.loaded);',
      mistake: `if (outbox !== undefined && isPassed(toWrite)) return nothing(shard.loaded);
  if (shard.loaded.revision > 0) await outbox?.settle(shard, signal);`,
    },
  ],

  /** Compares rows with what they were before an earlier transaction, not with what this one has read. */
  'rows-before-read-elsewhere': [
    {
      file: 'functions/table-state/changes.ts',
      text: 'changed.has(id) ? changed.get(id)?.old : shownRow(rows.get(id));',
      mistake: 'READ.has(id) ? READ.get(id) : (READ.set(id, rows.get(id)?.row), rows.get(id)?.row);',
    },
    {
      file: 'functions/table-state/changes.ts',
      text: '/** About the bytes of an event',
      mistake: 'const READ = new Map<string, string | undefined>();\n\n/** About the bytes of an event',
    },
  ],

  /** Gives up all events of a batch when the database rejects one row. */
  'one-bad-row-rejects-all': [
    {
      file: 'functions/table-state/reduce.ts',
      text: 'if (refusal !== undefined && given.length === 1) return refused(reducing, first, refusal);',
      mistake: 'if (refusal !== undefined) return given.map(({ event }) => rejectionOf(event, refusal));',
    },
  ],
};

/** The first seeds that catch a mistake, where that is not seed 0: a hunt begins there, to save time. */
const CAUGHT_AT: Readonly<Record<string, number>> = {
  'changes-before-commit': 29,
  'nothing-new-nothing-appended': 22,
};

/** Plants a mistake in a thread of its own and plays schedules. Resolves to the first violation, if there is one. */
export function caughtInTables(mistake: string, schedules: number): Promise<string | undefined> {
  return hunted(import.meta.url, { mistake, from: CAUGHT_AT[mistake] ?? 0, most: schedules } satisfies Hunt);
}

interface Hunt extends Seeds {
  readonly mistake: string;
}

await huntInThread(import.meta.url, async ({ mistake, ...seeds }: Hunt) => {
  plant(mistake, tableMistakes[mistake] as Mistake);
  const { playTables } = await import('./table-schedule.ts');
  return await firstViolation(playTables, seeds);
});
