import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';

/** The files of a table, by their `s3://` URLs. */
export interface TableFiles {
  get(url: string, signal: AbortSignal): Promise<Buffer>;
  put(url: string, body: Buffer, signal: AbortSignal): Promise<void>;
}

export function openTableFiles(client: Pick<S3Client, 'send'>): TableFiles {
  return {
    async get(url, abortSignal) {
      const { Body } = await client.send(new GetObjectCommand(placeOf(url)), { abortSignal });
      const chunks: Uint8Array[] = [];
      // In Node it is a stream.
      for await (const chunk of Body as AsyncIterable<Uint8Array>) chunks.push(chunk);
      return Buffer.concat(chunks);
    },
    async put(url, Body, abortSignal) {
      const command = new PutObjectCommand({ ...placeOf(url), Body, ContentLength: Body.length });
      await client.send(command, { abortSignal });
    },
  };
}

/** Hadoop's names of S3 mean the same. */
const URL_OF_S3 = /^s3[an]?:\/\/([^/]+)\/(.+)$/;

function placeOf(url: string): { readonly Bucket: string; readonly Key: string } {
  const [, Bucket, Key] = URL_OF_S3.exec(url) ?? [];
  if (Bucket === undefined || Key === undefined)
    throw new Error(`the table has a file at ${url}: the sink writes to tables whose files are in S3 (s3://…)`);
  return { Bucket, Key };
}
