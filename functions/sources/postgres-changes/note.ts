import type { KeptLog } from '../../runtime/source.ts';
import { progressText, type SnapshotProgress } from './snapshot-progress.ts';

const MIB = 1024 * 1024;
const HOUR_MILLIS = 3_600_000;
const MOST_CHARACTERS = 500;

/** Less is not worth a word, as long as it does not come near its limit. */
const LITTLE_BYTES = 64 * MIB;
const LONG_MILLIS = 72 * HOUR_MILLIS;

/**
 * Says what `millrace status` shows of a source: how far its snapshot is, what it leaves out, and what the server
 * keeps.
 */
export function noteOf({
  snapshot,
  leftOut,
  kept,
}: {
  readonly snapshot: SnapshotProgress | undefined;
  readonly leftOut: readonly string[];
  readonly kept: KeptLog | undefined;
}): string | undefined {
  const log = kept === undefined ? undefined : noteOfLog(kept);
  const parts = [
    ...(snapshot === undefined ? [] : [progressText(snapshot)]),
    ...(log === undefined ? [] : [log]),
    ...(leftOut.length === 0 ? [] : [`left out, because the schema has no such field: ${leftOut.join(', ')}`]),
  ];
  return parts.length === 0 ? undefined : parts.join('; ').slice(0, MOST_CHARACTERS);
}

function noteOfLog({ bytes, leftMillis }: KeptLog): string | undefined {
  if (bytes < LITTLE_BYTES && (leftMillis === undefined || leftMillis >= LONG_MILLIS)) return undefined;
  const keeps = `the server keeps ${Math.round(bytes / MIB)} MiB of its log for the slot`;
  if (leftMillis === undefined) return keeps;
  if (leftMillis === 0) return `${keeps}, which is all that it may, so it may remove what the slot needs at any time`;
  return `${keeps}; at the present rate it removes what the slot needs in ${hoursOf(leftMillis)}`;
}

function hoursOf(millis: number): string {
  const hours = millis / HOUR_MILLIS;
  if (hours < 1) return `${Math.floor(millis / 60_000)} minutes`;
  return hours < 100 ? `${Math.floor(hours)} hours` : `${Math.floor(hours / 24)} days`;
}
