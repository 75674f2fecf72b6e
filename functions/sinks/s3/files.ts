import type { S3Client } from '@aws-sdk/client-s3';
import type { Rejection } from '../../runtime/dead-letters.ts';
import { EventRefused } from '../../runtime/errors.ts';
import type { ReceivedEvent } from '../../runtime/event.ts';
import type { Slice } from '../../runtime/sink.ts';
import { type LakeFile, openLakeFile } from './lake-file.ts';
import { objectKey, roomForPath } from './object-keys.ts';
import { openPartitioner } from './partitions.ts';
import type { S3Options } from './s3.ts';
import { openUploads } from './uploads.ts';

/** Where the files go. */
export interface Lake {
  readonly client: S3Client;
  readonly bucket: string;
  readonly options: S3Options;
}

/** Writes a slice as files, and resolves when all of them are stored. A slice without events makes no file. */
export async function writeFiles({ client, bucket, options }: Lake, slice: Slice): Promise<readonly Rejection[]> {
  const rejections: Rejection[] = [];
  const partitionOf = openPartitioner(options, roomForPath(options, slice));
  const uploads = openUploads({ client, bucket, signal: slice.signal });
  const partitions = new Map<string, Partition>();

  const close = (path: string, partition: Partition): Promise<void> => {
    const { file, number } = partition;
    partition.file = openLakeFile(options.compression);
    partition.number++;
    return uploads.add({ key: objectKey(options, slice, { path, number }), body: file.end });
  };

  /** Undefined: there is nothing to wait for, as with most events. */
  const take = (event: ReceivedEvent): Promise<void> | undefined => {
    const path = partitionOf(event);
    let partition = partitions.get(path);
    if (partition === undefined) {
      partition = { file: openLakeFile(options.compression), number: 1 };
      partitions.set(path, partition);
    }
    const { file } = partition;
    const compressing = file.add(options.lines === 'event' ? event.bytes : onOneLine(event.dataBytes));
    if (file.bytes() < options.fileBytes && file.rows() < options.fileRows) return compressing;
    const full = partition;
    return (compressing ?? Promise.resolve()).then(() => close(path, full));
  };

  try {
    for await (const page of slice.pages) {
      for (const event of page) {
        try {
          const busy = take(event);
          if (busy !== undefined) await busy;
        } catch (error) {
          if (!(error instanceof EventRefused)) throw error;
          const { reason, message } = error;
          rejections.push({ at: event.position, reason, message, bytes: event.bytes });
        }
      }
    }
    for (const [path, partition] of partitions) {
      if (partition.file.rows() > 0) await close(path, partition);
    }
    await uploads.settled();
  } catch (error) {
    await uploads.abort();
    throw error;
  }
  return rejections;
}

interface Partition {
  file: LakeFile;
  /** Of its open file, from 1. */
  number: number;
}

const LINE_FEED = 0x0a;
const BLANK = 0x20;

/** In JSON a line feed stands between values only, where a blank means the same. */
function onOneLine(json: Uint8Array): Uint8Array {
  return json.includes(LINE_FEED) ? json.map((byte) => (byte === LINE_FEED ? BLANK : byte)) : json;
}
