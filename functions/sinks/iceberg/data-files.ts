import { randomUUID } from 'node:crypto';
import { EventRejected } from '../../runtime/errors.ts';
import type { ReceivedEvent } from '../../runtime/event.ts';
import type { Position } from '../../runtime/position.ts';
import { type Rejection, rejectionOf } from '../../runtime/rejection.ts';
import type { Slice } from '../../runtime/sink.ts';
import type { PlannedFile } from '../s3/files.ts';
import { lineOf } from '../s3/lines.ts';
import type { ContentOf } from '../s3/write-files.ts';
import type { TableFiles } from './files.ts';
import type { IcebergOptions } from './options.ts';
import type { Partitioning } from './table/partitioning.ts';

/** A file of rows that is in S3, and in no snapshot yet. */
export interface DataFile {
  readonly url: string;
  readonly partition: number | undefined;
  readonly rows: number;
  readonly bytes: number;
}

export interface DataFilesSettings {
  readonly files: TableFiles;
  /** The folder for data, without a slash at its end. */
  readonly folder: string;
  readonly options: IcebergOptions;
  readonly partitioning: Partitioning;
  readonly contentOf: ContentOf;
  /** The table has everything up to here: these events are read for their rejections alone. */
  readonly after: Position | undefined;
}

/**
 * Writes the rows of a slice to files that nobody reads yet. Each attempt has names of its own: the one that is
 * committed counts.
 */
export async function writeDataFiles(
  slice: Pick<Slice, 'pages' | 'signal'>,
  settings: DataFilesSettings,
): Promise<{ readonly files: readonly DataFile[]; readonly rejections: readonly Rejection[] }> {
  const { files, contentOf } = settings;
  const { signal } = slice;
  const { planned, rejections } = await plan(slice, settings);
  const written: DataFile[] = [];
  for (const file of planned) {
    const { body, rejections: ofFile } = await contentOf(file, signal);
    for (const rejection of ofFile) rejections.push(rejection);
    const rows = file.events.length - ofFile.length;
    if (file.isStored || rows === 0) continue;
    await files.put(file.key, body, signal);
    written.push({ url: file.key, partition: file.partition, rows, bytes: body.length });
  }
  return { files: written, rejections: rejections.sort((one, other) => (one.at < other.at ? -1 : 1)) };
}

const NO_ROW = 'it is about all keys, and every shard has it: it is no row';

interface Planned extends PlannedFile {
  readonly partition: number | undefined;
  /** True for events whose rows are in the table. */
  readonly isStored: boolean;
  readonly events: ReceivedEvent[];
  readonly lines: Uint8Array[];
  bytes: number;
}

async function plan(
  { pages }: Pick<Slice, 'pages'>,
  { folder, options, partitioning, after }: DataFilesSettings,
): Promise<{ readonly planned: readonly Planned[]; readonly rejections: Rejection[] }> {
  const open = new Map<string, Planned>();
  const planned: Planned[] = [];
  const rejections: Rejection[] = [];
  const { targetBytes, targetRows } = options;
  const add = (event: ReceivedEvent): void => {
    if (event.parts !== undefined) throw new EventRejected('refused', NO_ROW);
    const partition = partitioning.partitionOf(event);
    const isStored = after !== undefined && event.position <= after;
    const line = lineOf(event, options.lines);
    const bytes = line.length + 1;
    const group = `${isStored} ${partition}`;
    let file = open.get(group);
    if (file === undefined || file.events.length >= targetRows || file.bytes + bytes > targetBytes) {
      file = { key: `${folder}/${randomUUID()}.parquet`, partition, isStored, events: [], lines: [], bytes: 0 };
      open.set(group, file);
      planned.push(file);
    }
    file.events.push(event);
    file.lines.push(line);
    file.bytes += bytes;
  };
  for await (const page of pages) {
    for (const event of page) {
      try {
        add(event);
      } catch (error) {
        if (!(error instanceof EventRejected)) throw error;
        rejections.push(rejectionOf(event, error));
      }
    }
  }
  return { planned, rejections };
}
