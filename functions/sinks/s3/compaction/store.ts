import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';

export interface StoredFile {
  readonly key: string;
  readonly bytes: number;
  readonly modifiedMillis: number;
}

/** The lake, as far as compaction uses it. */
export interface LakeStore {
  /** Lists the objects below a prefix, in the order of their keys. */
  list(prefix: string): AsyncIterable<StoredFile>;
  /** Resolves to undefined when there is no such object. */
  get(key: string): Promise<Buffer | undefined>;
  put(key: string, body: Buffer): Promise<void>;
  /** Deletes objects, also those that are gone. */
  delete(keys: readonly string[]): Promise<void>;
}

const DELETED_AT_ONCE = 16;

export function openStore(client: Pick<S3Client, 'send'>, bucket: string, abortSignal: AbortSignal): LakeStore {
  const options = { abortSignal };
  return {
    async *list(Prefix) {
      for (let ContinuationToken: string | undefined; ; ) {
        const command = new ListObjectsV2Command({
          Bucket: bucket,
          Prefix,
          ...(ContinuationToken && { ContinuationToken }),
        });
        const page = await client.send(command, options);
        for (const { Key = '', Size = 0, LastModified } of page.Contents ?? [])
          yield { key: Key, bytes: Size, modifiedMillis: LastModified?.getTime() ?? 0 };
        if (page.NextContinuationToken === undefined) return;
        ContinuationToken = page.NextContinuationToken;
      }
    },
    async get(Key) {
      try {
        const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key }), options);
        return Buffer.from((await Body?.transformToByteArray()) ?? []);
      } catch (error) {
        if ((error as Error).name === 'NoSuchKey') return undefined;
        throw error;
      }
    },
    async put(Key, Body) {
      await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body, ContentLength: Body.length }), options);
    },
    async delete(keys) {
      for (let at = 0; at < keys.length; at += DELETED_AT_ONCE) {
        const some = keys.slice(at, at + DELETED_AT_ONCE);
        await Promise.all(some.map((Key) => client.send(new DeleteObjectCommand({ Bucket: bucket, Key }), options)));
      }
    },
  };
}
