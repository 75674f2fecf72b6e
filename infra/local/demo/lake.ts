import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { GetObjectCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import type { DeadLetter } from '../../../functions/runtime/dead-letters/dead-letter.ts';
import { readAll } from '../../operation/dead-letters/dead-letters.ts';

export interface LakeObject {
  readonly key: string;
  readonly bytes: number;
}

/** An event, as a line of a file holds it. */
export interface LakeEvent {
  readonly source: string;
  readonly sequence: string;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Lists the objects below a prefix. */
export async function listObjects(s3: S3Client, bucket: string, prefix: string): Promise<readonly LakeObject[]> {
  const found: LakeObject[] = [];
  for (let token: string | undefined; ; ) {
    const page = await s3.send(
      new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ...(token ? { ContinuationToken: token } : {}) }),
    );
    for (const { Key = '', Size = 0 } of page.Contents ?? []) found.push({ key: Key, bytes: Size });
    if (!page.NextContinuationToken) return found;
    token = page.NextContinuationToken;
  }
}

/** Reads the lines of an object, and decompresses it by the ending of its name. */
export async function linesOf(s3: S3Client, bucket: string, key: string): Promise<readonly string[]> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  const bytes = Buffer.from((await Body?.transformToByteArray()) ?? []);
  const text = (
    key.endsWith('.gz') ? gunzipSync(bytes) : key.endsWith('.zst') ? zstdDecompressSync(bytes) : bytes
  ).toString();
  return text.split('\n').filter((line) => line !== '');
}

/** Reads the dead letters of every step. */
export function deadLetters(s3: S3Client, bucket: string): Promise<readonly DeadLetter[]> {
  return readAll({ clients: { s3 }, names: { deadLetters: bucket } }, '', AbortSignal.timeout(60_000));
}

/** Reads every event of the files below a prefix, duplicates included. */
export async function eventsBelow(s3: S3Client, bucket: string, prefix: string): Promise<readonly LakeEvent[]> {
  const events: LakeEvent[] = [];
  for (const { key } of await listObjects(s3, bucket, prefix)) {
    for (const line of await linesOf(s3, bucket, key)) events.push(JSON.parse(line) as LakeEvent);
  }
  return events;
}
