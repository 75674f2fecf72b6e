import { isPosition, type Position } from '../position.ts';

/** Which records of a shard a file of an archive holds: a part of the range (from, to] of one slice. */
export interface ArchivedRange {
  readonly from: Position;
  readonly to: Position;
  /** The file's number in its slice, from 0. */
  readonly number: number;
}

/** Returns the folder, below the archive's prefix, with the files of a shard. Their names sort as the log does. */
export function folderOfShard(shard: string): string {
  return `shard=${shard.replaceAll('/', '-')}`;
}

const NAME = /\/slice-[^/]+\.([\w-]{36})\.([\w-]{36})\.(\d+)\.ndjson(?:\.gz|\.zst)?$/;

/** Reads the name of a file. Undefined: it is none of an archive. */
export function rangeOfFile(key: string): ArchivedRange | undefined {
  const [, from = '', to = '', number] = NAME.exec(key) ?? [];
  if (!isPosition(from) || !isPosition(to)) return undefined;
  return { from, to, number: Number(number) };
}
