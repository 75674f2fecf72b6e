import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Position } from '../position.ts';
import type { Checkpoints } from './checkpoints.ts';
import { loadNote, type Note, saveNote, trySaveNote } from './note.ts';

/**
 * What a process was about to do with a range of a shard: work on it, only decode its one record, reject its one event,
 * or reject its one record without decoding it. A process that dies leaves this behind, so the next process knows what
 * killed it. Former versions stored `holding` when they waited for an operator; nothing stores it any more.
 */
const Doing = z.enum(['working', 'decoding', 'rejecting event', 'rejecting record', 'holding']);
export type Doing = z.infer<typeof Doing>;

const textOf = () =>
  z.object({
    generation: z.string(),
    from: z.string().transform((text) => text as Position),
    to: z.string().transform((text) => text as Position),
    doing: Doing,
    /**
     * The end of the range that is suspected of having killed a process: at `to` or after it. Missing: nothing is
     * suspected.
     */
    until: z
      .string()
      .transform((text) => text as Position)
      .optional(),
    /** Counts the attempts at exactly (from, until] that have not come back, without this one. */
    deaths: z.number(),
    /** Counts how many of the last of them died while they only decoded. */
    undecoded: z.number().default(0),
    /** The time at which the first of them began, or this one when there is none. For people only. */
    sinceMillis: z.number(),
    /** The time at which this one began. The waits after several rejections in a row are counted from it. */
    begunMillis: z.number(),
    /**
     * Counts the events directly before `from` that were rejected, one after the other, because they killed the
     * process.
     */
    rejected: z.number(),
    /** True when the attempt failed with an error: the process did not die. */
    survived: z.boolean(),
    /** The process that wrote this attempt. */
    by: z.string(),
  });

/** Parses an attempt as it is stored: there, `deaths` is called `kills`. */
const StoredText = z.lazy(() => {
  const text = textOf();
  return text
    .omit({ deaths: true })
    .extend({ kills: text.shape.deaths })
    .transform(({ kills, ...attempt }): Attempt => ({ ...attempt, deaths: kills }));
});

function toText({ deaths, ...attempt }: Attempt): string {
  return JSON.stringify({ ...attempt, kills: deaths });
}

/**
 * One attempt at (from, to] of a shard. It counts as long as the step's position is in that range and the step's code
 * is the same.
 */
export type Attempt = Readonly<z.infer<ReturnType<typeof textOf>>>;

/**
 * The attempts of one process at the shards of its step. Every kind of step writes an attempt beside the position
 * before it begins any work. A process that has itself moved the shard to where it is writes none: it has not died, so
 * a steady batch costs no more than its checkpoint.
 */
export interface Attempts {
  readonly process: string;
  load(shard: string, signal: AbortSignal): Promise<StoredAttempt>;
  /** Makes the attempt that `begin` stores. A `begin` that fails may have stored it all the same. */
  next(previous: StoredAttempt, attempt: Omit<Attempt, 'by' | 'survived'>): BegunAttempt;
  /** Stores an attempt. Throws `StaleCheckpoint` when another process has stored one since. */
  begin(shard: string, next: BegunAttempt, signal: AbortSignal): Promise<void>;
  /** Withdraws an attempt that failed while the process lives. Does nothing when another attempt is stored by now. */
  survive(shard: string, begun: BegunAttempt, signal: AbortSignal): Promise<void>;
  /** Returns true when this process has moved the shard to this position, and nothing after it is suspected. */
  isSteady(shard: string, position: Position): boolean;
  /** Notes that this process has moved the shard to a position. `until` is the end of the suspected range. */
  moved(shard: string, to: { readonly position: Position; readonly until: Position | undefined }): void;
}

export interface StoredAttempt {
  /** 0: no attempt is stored. */
  readonly revision: number;
  readonly attempt: Attempt | undefined;
}

/** An attempt that this process stores. */
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

/** Loads the attempt that is stored for a shard. */
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
