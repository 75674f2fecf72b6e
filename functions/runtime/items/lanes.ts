import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Checkpoints } from '../checkpoints/checkpoints.ts';
import { jsonNote, loadNote, type Note, saveNote, textNote } from '../checkpoints/note.ts';
import { encodeOrdered } from '../position.ts';
import type { AnnouncedItem } from '../source.ts';

/**
 * A source of unboundedly many items writes through a fixed number of lanes, for every source of events costs each
 * reader a mark. A lane takes one item at a time, under an ordinal that is recorded before its first append; its
 * events' sequences start with the ordinal, so they grow from item to item.
 */
export const LANES = 4;
const ORDINAL_WIDTH = 6;
const PLACE_WIDTH = 8;

const LaneText = z.object({
  /** Tells this lane from one of the same number under a checkpoint table that was lost. */
  id: z.string(),
  ordinal: z.number(),
  current: z
    .object({
      laneKey: z.string(),
      identity: z.string(),
      item: z.unknown(),
      position: z.unknown().optional(),
      /**
       * Processes that have begun to read at the position, one after the other, and neither got further nor said that
       * they failed.
       */
      tries: z.object({ generation: z.string(), count: z.number() }).optional(),
    })
    .optional(),
});

/** What a lane is at: the item it has begun and not finished, and the position in it. */
export type LaneState = z.infer<typeof LaneText>;

export interface Lane {
  readonly key: string;
  readonly revision: number;
  readonly state: LaneState;
}

/**
 * Which lane an item goes through: always the same for the same lane key, so two versions of an object are never read
 * side by side.
 */
export function laneKeyOf(item: AnnouncedItem): string {
  return laneKey(createHash('sha256').update(item.laneKey).digest().readUInt32BE() % LANES);
}

/** Lanes are numbered from 0. */
export function laneKey(lane: number): string {
  return `lane-${lane}`;
}

export async function loadLane(checkpoints: Checkpoints, key: string, signal: AbortSignal): Promise<Lane> {
  const { revision, value: state } = await loadNote(checkpoints, jsonNote(key, LaneText), signal);
  return { key, revision, state: state ?? { id: randomBytes(6).toString('base64url'), ordinal: 0 } };
}

/** Throws `StaleCheckpoint` when another invocation has moved the lane. */
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

/** The `sequence` of the event at this place of the lane's current item. */
export function laneSequence(state: LaneState, place: number): string {
  return encodeOrdered(state.ordinal, ORDINAL_WIDTH) + encodeOrdered(place, PLACE_WIDTH);
}

/** Whether an item has been read to its end. */
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
