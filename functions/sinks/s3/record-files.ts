import { folderOfShard } from '../../runtime/archive/file-names.ts';
import { lineOfRecord, lineOfShard } from '../../runtime/archive/record-lines.ts';
import type { ReceivedEvent } from '../../runtime/event.ts';
import { endOfRecord, type Position } from '../../runtime/position.ts';
import type { Slice } from '../../runtime/sink.ts';
import { keysIn, type PlannedFile } from './files.ts';
import type { S3Options } from './options.ts';

/** A file that is being filled. `end` is the position just after its last record. */
interface RecordFile extends PlannedFile {
  readonly events: ReceivedEvent[];
  readonly lines: Uint8Array[];
  bytes: number;
  end: Position;
}

/**
 * Divides the records of a slice into files: all of them, in the order of the log, in the folder of their shard. Each
 * file begins with a line about the shard. Nothing is rejected, so the archive has what other steps make dead letters
 * of.
 */
export async function planRecordFiles(
  slice: Pick<Slice, 'shard' | 'from' | 'to' | 'pages' | 'records'>,
  options: S3Options,
): Promise<{ readonly files: readonly PlannedFile[]; readonly rejections: readonly [] }> {
  const { shard, records, pages } = slice;
  if (records === undefined) throw new Error(`a slice of ${shard} came without its records`);
  const keyOf = keysIn(folderOfShard(shard), slice, options);
  const first = lineOfShard(records.shard);
  const files: RecordFile[] = [];
  for (const record of records.all) {
    const line = lineOfRecord(record);
    const bytes = line.length + 1;
    const end = endOfRecord(record.sequenceNumber);
    const last = files.at(-1);
    if (last !== undefined && last.lines.length <= options.targetRows && last.bytes + bytes <= options.targetBytes) {
      last.lines.push(line);
      last.bytes += bytes;
      last.end = end;
    } else {
      const key = keyOf(files.length);
      files.push({ key, events: [], lines: [first, line], bytes: first.length + 1 + bytes, end });
    }
  }
  let at = 0;
  for await (const page of pages) {
    for (const event of page) {
      while (event.position > (files[at]?.end ?? event.position)) at++;
      files[at]?.events.push(event);
    }
  }
  return { files, rejections: [] };
}
