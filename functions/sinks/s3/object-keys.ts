import type { Slice } from '../../runtime/sink.ts';
import { fileExtension } from './lake-file.ts';
import type { S3Options } from './s3.ts';

/** S3 takes keys of 1024 bytes. */
const LONGEST_KEY_BYTES = 1024;
const NUMBER_DIGITS = 5;

type Range = Pick<Slice, 'shard' | 'from' | 'to'>;

/** `<prefix>/<partitions>/part-<shard>.<from>.<to>.<number>.ndjson.gz`: nothing that could differ when the slice is written again. */
export function objectKey(
  { prefix, compression }: S3Options,
  { shard, from, to }: Range,
  { path, number }: { readonly path: string; readonly number: number },
): string {
  const file = [
    `part-${escaped(shard)}`,
    from ?? 'start',
    to,
    `${number}`.padStart(NUMBER_DIGITS, '0'),
    fileExtension[compression],
  ];
  return [prefix, ...(path === '' ? [] : [path]), file.join('.')].join('/');
}

/** How many bytes are left for the path of a partition. */
export function roomForPath(options: S3Options, range: Range): number {
  return (
    LONGEST_KEY_BYTES - Buffer.byteLength(objectKey(options, range, { path: '', number: 10 ** NUMBER_DIGITS })) - 1
  );
}

/** Different shards keep different names: what is not a letter, a digit or a minus becomes its code between underscores. */
function escaped(shard: string): string {
  return shard.replace(/[^A-Za-z0-9-]/gu, (character) => `_${character.codePointAt(0)?.toString(16)}_`);
}
