import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Position } from '../position.ts';
import type { Checkpoints } from './checkpoints.ts';
import { loadNote, type Note, saveNote, trySaveNote } from './note.ts';

/**
 * What a process was about to do with a range of a shard when it wrote this down: to work on it, only to decode its one
 * record, to reject its one event, to reject its one record undecoded, or to hold, because rejecting does not help. A
 * process that dies leaves it as it is, and the next one knows.
 */
const Doing = z.enum(['working', 'decoding', 'rejecting event', 'rejecting record', 'holding']);
export type Doing = z.infer<typeof Doing>;

const Text = z.object({
  generation: z.string(),
  from: z.string().transform((text) => text as Position),
  to: z.string().transform((text) => text as Position),
  doing: Doing,
  /** The end of what is known to have killed, at `to` or after it. Not there: nothing is suspected. */
  until: z
    .string()
    .transform((text) => text as Position)
    .optional(),
  /** How many attempts at (from, until], and at nothing else, have not come back: this one not included. */
  deaths: z.number(),
  /** How many of the last ones died while they only decoded. */
  undecoded: z.number().default(0),
  /** When the first of them began; this one, when there is none. Like the next: for people. */
  sinceMillis: z.number(),
  begunMillis: z.number(),
  /** How many events right before `from` were rejected because they killed, one after the other. */
  rejected: z.number(),
  /** It failed by somebody else's fault, and its process has lived on. */
  survived: z.boolean(),
  /** The process that wrote it. */
  by: z.string(),
});

/** An attempt as it is stored, where `deaths` is called `kills`. */
const StoredText = Text.omit({ deaths: true })
  .extend({ kills: Text.shape.deaths })
  .transform(({ kills, ...attempt }): Attempt => ({ ...attempt, deaths: kills }));

function toText({ deaths, ...attempt }: Attempt): string {
  return JSON.stringify({ ...attempt, kills: deaths });
}

/**
 * One attempt at (from, to] of a shard. It counts for as long as the step's position is in there, and its code is the
 * same.
 */
export type Attempt = Readonly<z.infer<typeof Text>>;

/**
 * The attempts at one step's shards, in one process: written down beside the positions, for every kind of step, before
 * anything is begun. But not by the process that has itself brought the shard to where it is: it can die only once, and
 * a steady batch costs no more than its checkpoint.
 */
export interface Attempts {
  readonly process: string;
  load(shard: string, signal: AbortSignal): Promise<StoredAttempt>;
  /** What is stored once `begin` has succeeded, and perhaps when it has failed. */
  next(previous: StoredAttempt, attempt: Omit<Attempt, 'by' | 'survived'>): BegunAttempt;
  /** Throws `StaleCheckpoint` when another process has written one meanwhile. */
  begin(shard: string, next: BegunAttempt, signal: AbortSignal): Promise<void>;
  /**
   * Takes back what was begun: it failed, and its process lives. Nothing happens when another attempt is there by now.
   */
  survive(shard: string, begun: BegunAttempt, signal: AbortSignal): Promise<void>;
  /** Whether this process has brought the shard here, and nothing from here on is suspected. */
  isSteady(shard: string, position: Position): boolean;
  /** This process has brought the shard here; what is suspected reaches until there. */
  moved(shard: string, to: { readonly position: Position; readonly until: Position | undefined }): void;
}

export interface StoredAttempt {
  /** 0: none is stored. */
  readonly revision: number;
  readonly attempt: Attempt | undefined;
}

/** An attempt that this process writes down. */
export interface BegunAttempt extends StoredAttempt {
  readonly attempt: Attempt;
}

export function openAttempts(checkpoints: Checkpoints): Attempts {
  const process = randomBytes(9).toString('base64url');
  const brought = new Map<string, Position>();

  return {
    process,
    load: (shard, signal) => loadAttempt(checkpoints, shard, signal),
    next: ({ revision }, attempt) => ({
      revision: revision + 1,
      attempt: { ...attempt, survived: false, by: process },
    }),
    async begin(shard, { revision, attempt }, signal) {
      await saveNote(checkpoints, attemptNote(shard), { previous: revision - 1, value: attempt, signal });
    },
    async survive(shard, { revision, attempt }, signal) {
      const value = { ...attempt, survived: true };
      await trySaveNote(checkpoints, attemptNote(shard), { previous: revision, value, signal });
    },
    isSteady: (shard, position) => brought.get(shard) === position,
    moved(shard, { position, until }) {
      if (until === undefined || position >= until) brought.set(shard, position);
      else brought.delete(shard);
    },
  };
}

/** Also for whoever only wants to know. */
export async function loadAttempt(
  checkpoints: Checkpoints,
  shard: string,
  signal: AbortSignal,
): Promise<StoredAttempt> {
  const { revision, value: attempt } = await loadNote(checkpoints, attemptNote(shard), signal);
  return { revision, attempt };
}

function attemptNote(shard: string): Note<Attempt> {
  return { key: `attempts/${shard}`, decode: (text) => StoredText.parse(JSON.parse(text)), encode: toText };
}
