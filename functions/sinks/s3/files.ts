import { EventRejected } from '../../runtime/errors.ts';
import type { ReceivedEvent } from '../../runtime/event.ts';
import { START_OF_SHARD } from '../../runtime/position.ts';
import { type Rejection, rejectionOf } from '../../runtime/rejection.ts';
import type { Slice } from '../../runtime/sink.ts';
import { lineLength, lineOf } from './lines.ts';
import type { S3Options } from './options.ts';
import { openPartitions } from './partitions.ts';

/** A file to write. Its name and content depend on the slice and the options alone. */
export interface PlannedFile {
  readonly key: string;
  /**
   * Its events, in the order of the log: at least one, except in a file of records. Their bytes are views of the
   * records, not copies.
   */
  readonly events: readonly ReceivedEvent[];
  /** Their lines, without line feeds. They are made anew each time: a slice has too many to keep them. */
  readonly lines: Iterable<Uint8Array>;
  /** The size of its lines before compression. */
  readonly bytes: number;
}

/** Reads the slice and assigns its events to files. */
export async function planFiles(
  slice: Pick<Slice, 'shard' | 'from' | 'to' | 'pages'>,
  options: S3Options,
): Promise<{ readonly files: readonly PlannedFile[]; readonly rejections: readonly Rejection[] }> {
  const partitions = new Map<string, Partition>();
  const rejections: Rejection[] = [];
  const folderOf = openPartitions(options);
  // Most events are of the same partition as the one before.
  let last: { readonly folder: string; readonly partition: Partition } | undefined;
  const partitionFor = (event: ReceivedEvent): Partition => {
    const folder = folderOf(event);
    if (last?.folder === folder) return last.partition;
    const partition = partitions.get(folder) ?? { keyOf: keysIn(folder, slice, options), files: [] };
    partitions.set(folder, partition);
    last = { folder, partition };
    return partition;
  };
  for await (const page of slice.pages) {
    for (const event of page) {
      try {
        addTo(partitionFor(event), event, options);
      } catch (error) {
        if (!(error instanceof EventRejected)) throw error;
        rejections.push(rejectionOf(event, error));
      }
    }
  }
  return { files: [...partitions.values()].flatMap(({ files }) => files), rejections };
}

interface Partition {
  /** The object key of the partition's file with this number, from 0. */
  readonly keyOf: (number: number) => string;
  readonly files: {
    readonly key: string;
    readonly events: ReceivedEvent[];
    readonly lines: Iterable<Uint8Array>;
    bytes: number;
  }[];
}

function addTo({ keyOf, files }: Partition, event: ReceivedEvent, options: S3Options): void {
  const { lines, targetBytes, targetRows } = options;
  const bytes = lineLength(event, lines) + 1;
  const last = files.at(-1);
  if (last !== undefined && last.events.length < targetRows && last.bytes + bytes <= targetBytes) {
    last.events.push(event);
    last.bytes += bytes;
  } else {
    const events = [event];
    files.push({ key: keyOf(files.length), events, lines: linesOf(events, lines), bytes });
  }
}

function linesOf(events: readonly ReceivedEvent[], lines: S3Options['lines']): Iterable<Uint8Array> {
  return {
    *[Symbol.iterator]() {
      for (const event of events) yield lineOf(event, lines);
    },
  };
}

/**
 * Returns how the files of a partition are named. A name begins with a letter, because Hive and Spark ignore files that
 * begin with `_`, as an incarnation may. Positions and numbers have a fixed width, so keys sort as the log does. Throws
 * `EventRejected` when the key is too long for S3.
 */
export function keysIn(
  folder: string,
  { shard, from = START_OF_SHARD, to }: Pick<Slice, 'shard' | 'from' | 'to'>,
  { prefix, format, compression }: Pick<S3Options, 'prefix' | 'format' | 'compression'>,
): (number: number) => string {
  const start = `${prefix}/${folder}/slice-${shard.replaceAll('/', '-')}.${from}.${to}.`;
  const ending = format === 'parquet' ? '.parquet' : `.ndjson${ENDINGS[compression]}`;
  const keyOf = (number: number): string => `${start}${String(number).padStart(NUMBER_WIDTH, '0')}${ending}`;
  const length = Buffer.byteLength(keyOf(0));
  if (length > LONGEST_KEY)
    throw new EventRejected(
      'refused',
      `its partition makes an object key of ${length} bytes, and S3 allows ${LONGEST_KEY}: partition by shorter fields`,
    );
  return keyOf;
}

/** Enough digits for a slice in which each event has a file of its own. */
const NUMBER_WIDTH = 8;

const ENDINGS = { gzip: '.gz', zstd: '.zst', none: '' } as const;

/** S3's limit, in bytes of UTF-8 (Amazon S3 User Guide, "Naming Amazon S3 objects"). */
const LONGEST_KEY = 1024;
