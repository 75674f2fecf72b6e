import { isUtf8 } from 'node:buffer';
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { Rejection } from '../rejection.ts';
import type { DeadLetter } from './dead-letter.ts';
import { nameOfOne, objectsOfMany } from './letter-objects.ts';

export interface DeadLetters {
  /**
   * Stores rejections of one shard or item before it resolves, all of them in one object (letter-objects.ts). Keys and
   * contents follow from the rejections alone, so storing them again changes nothing.
   */
  put(shard: string, rejections: readonly Rejection[], signal: AbortSignal): Promise<void>;
}

export function openDeadLetters(destination: {
  readonly s3: Pick<S3Client, 'send'>;
  readonly bucket: string;
  readonly pipeline: string;
  readonly step: string;
}): DeadLetters {
  const { s3, bucket, pipeline, step } = destination;

  function letterOf(shard: string, { at, reason, message, origin, event, bytes }: Rejection): DeadLetter {
    return {
      pipeline,
      step,
      shard,
      at,
      reason,
      message,
      ...(origin === undefined ? {} : { origin }),
      ...(event === undefined ? {} : { event }),
      ...textOrBase64(bytes),
    };
  }

  return {
    async put(shard, rejections, abortSignal) {
      const folder = `dead-letters/${pipeline}/${step}/${shard}/`;
      const [first, ...others] = rejections;
      if (first === undefined) return;
      if (others.length === 0) {
        const Body = JSON.stringify(letterOf(shard, first));
        const one = { Bucket: bucket, Key: `${folder}${nameOfOne(first.at)}`, Body, ContentType: 'application/json' };
        await s3.send(new PutObjectCommand(one), { abortSignal });
        return;
      }
      for (const { name, body } of objectsOfMany(lettersOf(shard, rejections))) {
        const many = { Bucket: bucket, Key: `${folder}${name}`, Body: body, ContentType: 'application/gzip' };
        await s3.send(new PutObjectCommand(many), { abortSignal });
      }
    },
  };

  function* lettersOf(shard: string, rejections: readonly Rejection[]): Generator<DeadLetter> {
    const inOrder = rejections.toSorted((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
    for (const rejection of inOrder) yield letterOf(shard, rejection);
  }
}

/** Keeps bytes that are not UTF-8 in base64, so that people see exactly what was sent. */
function textOrBase64(bytes: Uint8Array): Pick<DeadLetter, 'text' | 'base64'> {
  const { buffer, byteOffset, length } = bytes;
  const original = Buffer.from(buffer, byteOffset, length);
  return isUtf8(original) ? { text: original.toString() } : { base64: original.toString('base64') };
}
