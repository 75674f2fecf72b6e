import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { UserMistake } from '../../functions/runtime/errors.ts';

const Entry = z.object({
  /** When its stream was created: a stream that was deleted and created again begins anew. */
  streamCreatedMillis: z.number(),
  /** Whether the endpoint's own pollers were switched off, and not on again yet. */
  taken: z.boolean(),
  /** By shard: all up to and including this sequence number is done or discarded. */
  checkpoints: z.record(z.string(), z.string()),
});

const Contents = z.object({
  /** The process that does the mappings now. */
  pid: z.int().optional(),
  mappings: z.record(z.string(), Entry),
});

type Entry = z.infer<typeof Entry>;

/**
 * What was taken from an endpoint and how far it has come, in a file: the next run goes on from there, and gives back
 * what one that was killed could not.
 */
export interface Journal {
  isTaken(uuid: string): boolean;
  /** Notes that a mapping is taken, before it is. Answers with its checkpoints. */
  take(uuid: string, streamCreatedMillis: number): Readonly<Record<string, string>>;
  moved(uuid: string, checkpoint: { readonly shardId: string; readonly sequenceNumber: string }): void;
  givenBack(uuid: string): void;
  /** Forgets all mappings but these: they are gone. */
  keepOnly(uuids: readonly string[]): void;
  /** Checkpoints are written now and then, everything else at once. */
  save(): void;
  close(): void;
}

/** Throws a `UserMistake` while another process has it open. */
export function openJournal(file: string): Journal {
  const { pid, mappings } = read(file);
  if (pid !== undefined && pid !== process.pid && isAlive(pid)) {
    throw new UserMistake(`process ${pid} does the mappings of this endpoint already: end it first (kill ${pid})`);
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
    throw new UserMistake(`${file} is not a journal of millrace mappings: delete it, and mappings begin anew`);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
