import { z } from 'zod';
import type { Checkpoints } from '../checkpoints/checkpoints.ts';
import { jsonNote, loadNote, type Note, type StoredNote, updateNote } from '../checkpoints/note.ts';
import { UserMistake } from '../errors.ts';

/**
 * The highest revision of a shard whose events may be in the step's output, kept in the checkpoint table, outside the
 * database that keeps the position. A database that was restored to an earlier state, or has lost its last commits in a
 * failover, shows a lower revision. Its next events would then have sequences that readers have seen, with other data.
 */
const Noted = z.lazy(() =>
  z.object({
    /** The step under whose name the events are: a renamed step finds the note of its former name, and counts anew. */
    step: z.string(),
    revision: z.number(),
    /** True when the shard is read to its end, and its last events are in the output. */
    ended: z.literal(true).optional(),
  }),
);
type Noted = Readonly<z.infer<typeof Noted>>;

function noteOf(shard: string): Note<Noted> {
  return jsonNote(`outbox/${shard}`, Noted);
}

/** The highest revisions of one step. */
export interface HighestRevisions {
  /** Notes a revision before its events are appended. */
  raise(shard: string, revision: number, signal: AbortSignal): Promise<void>;
  /**
   * Notes that a shard has ended: it publishes no more, so readers of the output can drop its marks. Resolves to false
   * when it has never published.
   */
  end(shard: string, signal: AbortSignal): Promise<boolean>;
  /**
   * Loads a shard's progress, and compares its revision with the noted one. Throws a `UserMistake` when the database
   * has lost commits.
   */
  compared<Loaded extends { readonly revision: number }>(
    shard: string,
    load: () => Promise<Loaded | undefined>,
    signal: AbortSignal,
  ): Promise<Loaded | undefined>;
}

export function openHighest(checkpoints: Checkpoints, step: string): HighestRevisions {
  const known = new Map<string, StoredNote<Noted | undefined>>();
  const update = async (
    shard: string,
    change: (noted: Noted | undefined) => Noted | undefined,
    signal: AbortSignal,
  ) => {
    const stored = await updateNote(checkpoints, noteOf(shard), { known: known.get(shard), change, signal });
    known.set(shard, stored);
    return stored.value;
  };
  return {
    async raise(shard, revision, signal) {
      const change = (noted: Noted | undefined): Noted | undefined =>
        noted?.step === step && noted.revision >= revision ? undefined : { ...noted, step, revision };
      await update(shard, change, signal);
    },
    async end(shard, signal) {
      const change = (noted: Noted | undefined): Noted | undefined =>
        noted === undefined || noted.ended === true ? undefined : { ...noted, ended: true };
      return (await update(shard, change, signal)) !== undefined;
    },
    async compared(shard, load, signal) {
      // The note is loaded first: a process that commits and notes a higher revision meanwhile is no loss.
      const stored = await loadNote(checkpoints, noteOf(shard), signal);
      known.set(shard, stored);
      const loaded = await load();
      const { value: noted } = stored;
      const revision = loaded?.revision ?? 0;
      if (noted !== undefined && noted.step === step && noted.revision > revision)
        throw new UserMistake(
          `the database of ${step} was restored to an earlier state, or has lost its last commits: in ${shard} it is at revision ${revision}, and changes of revision ${noted.revision} are in the change stream. ` +
            'The table and all that is made of its changes have to be made again: start afresh with another name of the table step and another change stream, or restore a later state of the database',
        );
      return loaded;
    },
  };
}

/** Tells whether a step that publishes has noted that a shard has ended. */
export async function hasEnded(
  checkpoints: Pick<Checkpoints, 'load'>,
  shard: string,
  signal: AbortSignal,
): Promise<boolean> {
  return (await loadNote(checkpoints, noteOf(shard), signal)).value?.ended === true;
}
