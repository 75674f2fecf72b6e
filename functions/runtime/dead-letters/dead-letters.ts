import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { RejectionReason } from '../errors.ts';
import type { RejectedEvent, Rejection } from '../rejection.ts';

/** The content of a dead letter's object: one JSON document. */
export interface DeadLetter {
  readonly pipeline: string;
  readonly step: string;
  /** The shard or item that the event was in. */
  readonly shard: string;
  readonly at: string;
  readonly reason: RejectionReason;
  readonly message: string;
  readonly origin?: Readonly<Record<string, string | number>>;
  readonly event?: RejectedEvent;
  /** The original bytes as text, if they are UTF-8. */
  readonly text?: string;
  /** The original bytes in base64, if they are not UTF-8. */
  readonly base64?: string;
}

export interface DeadLetters {
  /**
   * Stores rejections of one shard or item before it resolves. Keys and contents follow from the rejections alone, so
   * storing them again changes nothing.
   */
  put(shard: string, rejections: readonly Rejection[], signal: AbortSignal): Promise<void>;
}

const AT_ONCE = 16;

export function openDeadLetters(destination: {
  readonly s3: Pick<S3Client, 'send'>;
  readonly bucket: string;
  readonly pipeline: string;
  readonly step: string;
}): DeadLetters {
  const { s3, bucket, pipeline, step } = destination;

  async function putOne(shard: string, rejection: Rejection, signal: AbortSignal): Promise<void> {
    const { at, reason, message, origin, event, bytes } = rejection;
    const letter: DeadLetter = {
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
    await s3.send(
      new PutObjectCommand({
        Bucket: bucket,
        Key: `dead-letters/${pipeline}/${step}/${shard}/${at}.json`,
        Body: JSON.stringify(letter),
        ContentType: 'application/json',
      }),
      { abortSignal: signal },
    );
  }

  return {
    async put(shard, rejections, signal) {
      for (let start = 0; start < rejections.length; start += AT_ONCE) {
        await Promise.all(
          rejections.slice(start, start + AT_ONCE).map((rejection) => putOne(shard, rejection, signal)),
        );
      }
    },
  };
}

function textOrBase64(bytes: Uint8Array): Pick<DeadLetter, 'text' | 'base64'> {
  try {
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    // It is not UTF-8. Keep the bytes, so that people see exactly what was sent.
    return { base64: Buffer.from(bytes).toString('base64') };
  }
}
