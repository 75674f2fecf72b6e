import type { z } from 'zod';
import { StaleCheckpoint } from '../errors.ts';
import type { Checkpoints } from './checkpoints.ts';

/**
 * One typed item among a step's checkpoints. It moves by compare-and-set: a save succeeds only when no other process
 * has saved the item since it was loaded.
 */
export interface Note<Value> {
  /** The item's key among the step's checkpoints. Deployed steps have items under their keys, so keys never change. */
  readonly key: string;
  /** Parses the stored text. Throws when the text is not such a value. */
  decode(text: string): Value;
  encode(value: Value): string;
}

/** A note's value with the revision that the next save replaces. */
export interface StoredNote<Value> {
  /** Counts the saves. 0: nothing is stored under the step's present name. */
  readonly revision: number;
  readonly value: Value;
}

/**
 * Describes a note that is stored as JSON. The schema parses the JSON. A value that it has parsed can be stored as it
 * is.
 */
export function jsonNote<Value extends Stored, Stored>(key: string, schema: z.ZodType<Value, Stored>): Note<Value> {
  return { key, decode: (text) => schema.parse(JSON.parse(text)), encode: (value) => JSON.stringify(value) };
}

/** Describes a note that is a text. */
export function textNote(key: string): Note<string> {
  return { key, decode: (text) => text, encode: (text) => text };
}

/** Loads a note. The value is undefined when nothing is stored. */
export async function loadNote<Value>(
  checkpoints: Pick<Checkpoints, 'load'>,
  note: Note<Value>,
  signal: AbortSignal,
): Promise<StoredNote<Value | undefined>> {
  const stored = await checkpoints.load(note.key, signal);
  if (stored === undefined) return { revision: 0, value: undefined };
  return { revision: stored.revision, value: note.decode(stored.state) };
}

/**
 * Saves a value in place of the revision that was loaded. Throws `StaleCheckpoint` when another process has saved the
 * note since; then nothing is written.
 */
export async function saveNote<Value>(
  checkpoints: Checkpoints,
  note: Note<Value>,
  to: { readonly previous: number; readonly value: Value; readonly signal: AbortSignal },
): Promise<StoredNote<Value>> {
  const { previous, value, signal } = to;
  const revision = previous + 1;
  await checkpoints.save({ key: note.key, previous, revision, state: note.encode(value), signal });
  return { revision, value };
}

/** Does the same as `saveNote`, but resolves to undefined where that throws `StaleCheckpoint`. */
export async function trySaveNote<Value>(
  ...[checkpoints, note, to]: Parameters<typeof saveNote<Value>>
): Promise<StoredNote<Value> | undefined> {
  try {
    return await saveNote(checkpoints, note, to);
  } catch (error) {
    if (error instanceof StaleCheckpoint) return undefined;
    throw error;
  }
}

/**
 * Changes a note. `change` gets the stored value and returns the new one, or undefined to leave the note as it is. When
 * another process saves the note meanwhile, the change is made again, to the value that is stored by then. Resolves to
 * what is stored in the end.
 */
export async function updateNote<Value>(
  checkpoints: Checkpoints,
  note: Note<Value>,
  by: {
    change(value: Value | undefined): Value | undefined;
    /** What this process knows to be stored. Left out: loads the note first. */
    readonly known?: StoredNote<Value | undefined> | undefined;
    readonly signal: AbortSignal;
  },
): Promise<StoredNote<Value | undefined>> {
  const { signal } = by;
  for (let { known } = by; ; known = undefined) {
    const stored = known ?? (await loadNote(checkpoints, note, signal));
    const value = by.change(stored.value);
    if (value === undefined) return stored;
    const saved = await trySaveNote(checkpoints, note, { previous: stored.revision, value, signal });
    if (saved !== undefined) return saved;
  }
}
