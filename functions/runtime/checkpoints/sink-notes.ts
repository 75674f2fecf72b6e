import type { Notes } from '../sink.ts';
import type { Checkpoints } from './checkpoints.ts';
import { textNote, trySaveNote } from './note.ts';

/** Keeps what a sink remembers beside the step's positions. */
export function openNotes(checkpoints: Checkpoints): Notes {
  const noteOf = (name: string) => textNote(`note/${name}`);
  return {
    async load(name, signal) {
      const stored = await checkpoints.load(noteOf(name).key, signal);
      return stored && { revision: stored.revision, text: stored.state };
    },
    keep: async (name, { previous, text: value }, signal) =>
      (await trySaveNote(checkpoints, noteOf(name), { previous, value, signal })) !== undefined,
  };
}
