import { progressText, type SnapshotProgress } from './snapshot-progress.ts';

const MIB = 1024n * 1024n;
const MOST_CHARACTERS = 500;

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
  readonly kept: bigint;
}): string | undefined {
  const parts = [
    ...(snapshot === undefined ? [] : [progressText(snapshot)]),
    ...(kept < 64n * MIB ? [] : [`the server keeps ${kept / MIB} MiB of its log`]),
    ...(leftOut.length === 0 ? [] : [`left out, because the schema has no such field: ${leftOut.join(', ')}`]),
  ];
  return parts.length === 0 ? undefined : parts.join('; ').slice(0, MOST_CHARACTERS);
}
