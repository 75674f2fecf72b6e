import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { isAlive } from '../is-alive.ts';

const Entry = z.object({
  /** When the stream was created. A stream that was deleted and created again is read from the start. */
  streamCreatedMillis: z.number(),
  /** True from when the endpoint's own pollers are switched off until they are on again. */
  taken: z.boolean(),
  /** By shard: all records up to and including this sequence number are processed or discarded. */
  checkpoints: z.record(z.string(), z.string()),
});

const Contents = z.object({
  /** The process that runs the mappings now. */
  pid: z.int().optional(),
  mappings: z.record(z.string(), Entry),
});

type Entry = z.infer<typeof Entry>;

/**
 * A file that records the mappings taken over from an endpoint, with their checkpoints. The next run continues from
 * there, and gives back the mappings that a killed run could not.
 */
export interface Journal {
  isTaken(uuid: string): boolean;
  /** Notes that a mapping is taken over. Call this before it is. Returns its checkpoints. */
  take(uuid: string, streamCreatedMillis: number): Readonly<Record<string, string>>;
  /** Notes a new checkpoint, to be written by the next `save`. */
  moved(uuid: string, checkpoint: { readonly shardId: string; readonly sequenceNumber: string }): void;
  givenBack(uuid: string): void;
  /** Removes all mappings but these, because the others were deleted. */
  keepOnly(uuids: readonly string[]): void;
  /** Writes the checkpoints. All other changes are written at once. */
  save(): void;
  close(): void;
}

/** Opens the journal. Throws a `UserMistake` while another process has it open. */
export function openJournal(file: string): Journal {
  const { pid, mappings } = read(file);
  if (pid !== undefined && pid !== process.pid && isAlive(pid)) {
    throw new UserMistake(`process ${pid} already runs the mappings of this endpoint: end it first (kill ${pid})`);
  }

  function write(contents: z.infer<typeof Contents>): void {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(`${file}.new`, JSON.stringify(contents, null, 1));
    renameSync(`${file}.new`, file);
  }

  const save = () => write({ pid: process.pid, mappings });
  save();
  return {
    isTaken: (uuid) => mappings[uuid]?.taken ?? false,
    take(uuid, streamCreatedMillis) {
      const known = mappings[uuid];
      const checkpoints = known?.streamCreatedMillis === streamCreatedMillis ? known.checkpoints : {};
      mappings[uuid] = { streamCreatedMillis, taken: true, checkpoints };
      save();
      return { ...checkpoints };
    },
    moved(uuid, { shardId, sequenceNumber }) {
      const entry = mappings[uuid];
      if (entry !== undefined) entry.checkpoints[shardId] = sequenceNumber;
    },
    givenBack(uuid) {
      const entry = mappings[uuid];
      if (entry !== undefined) entry.taken = false;
      save();
    },
    keepOnly(uuids) {
      for (const uuid of Object.keys(mappings)) if (!uuids.includes(uuid)) delete mappings[uuid];
    },
    save,
    close: () => write({ mappings }),
  };
}

function read(file: string): { pid?: number | undefined; mappings: Record<string, Entry> } {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return { mappings: {} };
  }
  try {
    return Contents.parse(JSON.parse(text));
  } catch {
    throw new UserMistake(
      `${file} is not a journal of millrace mappings: delete it; mappings then start from their starting positions`,
    );
  }
}
