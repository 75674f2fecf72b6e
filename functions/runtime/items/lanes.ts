import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Checkpoints } from '../checkpoints/checkpoints.ts';
import { jsonNote, loadNote, type Note, saveNote, textNote } from '../checkpoints/note.ts';
import { encodeOrdered } from '../position.ts';
import type { AnnouncedItem } from '../source.ts';

/**
 * The number of lanes of a source of items. Such a source has no bound on its items, and each source of events costs
 * every reader a mark, so it writes through a fixed number of lanes. A lane takes one item at a time, under an ordinal
 * that is recorded before the lane's first append. The sequences of the lane's events start with the ordinal, so they
 * grow from item to item.
 */
export const LANES = 4;
const ORDINAL_WIDTH = 6;
const PLACE_WIDTH = 8;

const LaneText = z.object({
  /** Distinguishes this lane from one of the same number in a checkpoint table that was lost. */
  id: z.string(),
  ordinal: z.number(),
  current: z
    .object({
      laneKey: z.string(),
      identity: z.string(),
      item: z.unknown(),
      position: z.unknown().optional(),
      /**
       * Counts the processes, one after the other, that have begun to read at the position and neither got further nor
       * reported a failure.
       */
      tries: z.object({ generation: z.string(), count: z.number() }).optional(),
    })
    .optional(),
});

/** The state of a lane: the item that it has begun and not finished, and the position in it. */
export type LaneState = z.infer<typeof LaneText>;

export interface Lane {
  readonly key: string;
  readonly revision: number;
  readonly state: LaneState;
}

/**
 * Returns the lane of an item: always the same for the same lane key, so two versions of an object are never read at
 * the same time.
 */
export function laneKeyOf(item: AnnouncedItem): string {
  return laneKey(createHash('sha256').update(item.laneKey).digest().readUInt32BE() % LANES);
}

/** Returns the key of a lane. Lanes are numbered from 0. */
export function laneKey(lane: number): string {
  return `lane-${lane}`;
}

export async function loadLane(checkpoints: Checkpoints, key: string, signal: AbortSignal): Promise<Lane> {
  const { revision, value: state } = await loadNote(checkpoints, jsonNote(key, LaneText), signal);
  return { key, revision, state: state ?? { id: randomBytes(6).toString('base64url'), ordinal: 0 } };
}

/** Saves a lane. Throws `StaleCheckpoint` when another invocation has moved it. */
export async function saveLane(
  checkpoints: Checkpoints,
  lane: Lane,
  next: { state: LaneState; signal: AbortSignal },
): Promise<Lane> {
  const { key, revision: previous } = lane;
  const { state, signal } = next;
  const { revision } = await saveNote(checkpoints, jsonNote(key, LaneText), { previous, value: state, signal });
  return { key, revision, state };
}

/** Returns the `sequence` of the event at this place of the lane's current item. */
export function laneSequence(state: LaneState, place: number): string {
  return encodeOrdered(state.ordinal, ORDINAL_WIDTH) + encodeOrdered(place, PLACE_WIDTH);
}

/** Resolves to true when an item has been read to its end. */
export async function isDone(checkpoints: Checkpoints, identity: string, signal: AbortSignal): Promise<boolean> {
  return (await loadNote(checkpoints, doneNote(identity), signal)).value !== undefined;
}

/** Records that an item has been read to its end. */
export async function recordDone(checkpoints: Checkpoints, identity: string, signal: AbortSignal): Promise<void> {
  if (await isDone(checkpoints, identity, signal)) return;
  await saveNote(checkpoints, doneNote(identity), { previous: 0, value: identity, signal });
}

function doneNote(identity: string): Note<string> {
  return textNote(`done/${createHash('sha256').update(identity).digest('base64url')}`);
}
