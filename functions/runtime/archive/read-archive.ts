import { endOfRecord, type Position, sequenceNumberOf } from '../position.ts';
import type { LogRecord } from '../record-codec/record.ts';
import type { SlicedShard } from '../sink.ts';
import { type Archive, type ArchivedFile, filesOfShard, linesOfFile } from './archived-files.ts';
import { readLineOfRecord, readLineOfShard } from './record-lines.ts';

/** A shard of an archive, `<incarnation>/<shard id>`, and the position to read on from. */
export interface ArchiveReading {
  readonly archive: Archive;
  readonly shard: string;
  readonly after: Position;
  readonly signal: AbortSignal;
}

/** The most records and bytes that are read at once. */
const PAGE = { records: 1_000, bytes: 4 * 1024 * 1024 };

/**
 * Reads the records of a shard after a position, in their order, each once. If the position is inside a record, that
 * record comes as a whole. Ends where the archive ends, or before the first record that it may lack: where a file is
 * gone, where the sink was moved on, or while a slice is being written.
 */
export async function* readArchive(reading: ArchiveReading): AsyncGenerator<readonly LogRecord[]> {
  const { archive, shard, signal } = reading;
  let { after: end } = reading;
  for await (const file of inReach(filesOfShard(archive, shard, signal), () => end)) {
    let page: LogRecord[] = [];
    let [bytes, isThere] = [0, false];
    for await (const record of recordsOf(archive, file, signal)) {
      isThere = true;
      if (endOfRecord(record.sequenceNumber) <= end) continue;
      page.push(record);
      bytes += record.data.length;
      if (page.length < PAGE.records && bytes < PAGE.bytes) continue;
      end = endOfRecord(record.sequenceNumber);
      yield page;
      [page, bytes] = [[], 0];
    }
    // Deleted since it was listed.
    if (!isThere) return;
    const last = page.at(-1);
    if (last === undefined) continue;
    end = endOfRecord(last.sequenceNumber);
    yield page;
  }
}

/**
 * Finds out how far an archive has everything, by the names of its files. Resolves to the position up to which it has
 * every record from the one of `after` on; undefined: it does not have that record.
 */
export async function archivedUpTo(reading: ArchiveReading): Promise<Position | undefined> {
  const { archive, shard, after, signal } = reading;
  let first: LogRecord | undefined;
  for await (const [record] of readArchive(reading)) {
    first = record;
    break;
  }
  if (first === undefined || BigInt(first.sequenceNumber) !== BigInt(sequenceNumberOf(after))) return undefined;
  let end = after;
  for await (const { to } of inReach(filesOfShard(archive, shard, signal), () => end)) end = to;
  return end;
}

/** Finds out what an archive says about a shard. Undefined: it has no file of the shard. */
export async function archivedShard({
  archive,
  shard,
  signal,
}: Omit<ArchiveReading, 'after'>): Promise<SlicedShard | undefined> {
  for await (const { key } of filesOfShard(archive, shard, signal))
    for await (const line of linesOfFile(archive, key, signal)) return readLineOfShard(line);
  return undefined;
}

/** Yields the files that go on from what is read, without a gap. `end` tells how far that is. */
async function* inReach(files: AsyncIterable<ArchivedFile>, end: () => Position): AsyncGenerator<ArchivedFile> {
  let previous: ArchivedFile | undefined;
  for await (const file of files) {
    const isSameSlice = previous !== undefined && previous.from === file.from && previous.to === file.to;
    const isNext = file.number === (isSameSlice && previous !== undefined ? previous.number + 1 : 0);
    if (file.to <= end() && !isSameSlice) continue;
    if (file.from > end() || !isNext) return;
    previous = file;
    yield file;
  }
}

async function* recordsOf(archive: Archive, { key }: ArchivedFile, signal: AbortSignal): AsyncGenerator<LogRecord> {
  let isFirst = true;
  for await (const line of linesOfFile(archive, key, signal)) {
    if (!isFirst) yield readLineOfRecord(line);
    isFirst = false;
  }
}
