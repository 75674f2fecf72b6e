import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';

/** Objects on their way into a bucket, a few at a time. */
export interface Uploads {
  /** Resolves when there is room for another one. Rejects when one has failed: then nothing more is stored. */
  add(object: Upload): Promise<void>;
  /** Resolves when all of them are stored. */
  settled(): Promise<void>;
  /** Gives up what is under way, and resolves when nothing is any more. */
  abort(): Promise<void>;
}

export interface Upload {
  readonly key: string;
  /** Called when it is this object's turn: what is made here is in memory until it is stored. */
  body(): Promise<Uint8Array>;
}

const AT_ONCE = 8;

/** A file is never larger than a slice, and a slice far smaller than what one PUT takes, 5 GB: there is no need for parts. */
export function openUploads(into: {
  readonly client: S3Client;
  readonly bucket: string;
  readonly signal: AbortSignal;
}): Uploads {
  const stop = new AbortController();
  const signal = AbortSignal.any([into.signal, stop.signal]);
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];

  const upload = async ({ key, body }: Upload): Promise<void> => {
    const content = await body();
    await into.client.send(
      new PutObjectCommand({ Bucket: into.bucket, Key: key, Body: content, ContentType: contentType(key) }),
      { abortSignal: signal },
    );
  };

  const throwFailure = (): void => {
    signal.throwIfAborted();
    if (failures.length > 0) throw failures[0];
  };

  return {
    async add(object) {
      while (running.size >= AT_ONCE) await Promise.race(running);
      throwFailure();
      const one = upload(object)
        .catch((error: unknown) => {
          failures.push(error);
        })
        .finally(() => running.delete(one));
      running.add(one);
    },
    async settled() {
      await Promise.all(running);
      throwFailure();
    },
    async abort() {
      stop.abort();
      await Promise.all(running);
    },
  };
}

function contentType(key: string): string {
  if (key.endsWith('.gz')) return 'application/gzip';
  return key.endsWith('.zst') ? 'application/zstd' : 'application/x-ndjson';
}
