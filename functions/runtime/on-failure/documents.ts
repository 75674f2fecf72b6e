import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import type { Checkpoints } from '../checkpoints/checkpoints.ts';
import { shardKey } from '../checkpoints/shard-states.ts';
import { decodeState } from '../checkpoints/step-state.ts';
import { openDeadLetters } from '../dead-letters/dead-letters.ts';
import { describeStream, type Kinesis, type Shard } from '../log/shards.ts';
import { loadGaps } from './gaps.ts';
import { GIVEN_UP_PREFIX, GivenUpDocument, missed } from './missed.ts';

/** Where the documents are, and whose they are. */
export interface GivenUpPlace {
  readonly s3: Pick<S3Client, 'send'>;
  readonly kinesis: Kinesis;
  readonly bucket: string;
  now(): number;
  /** The step with this function. Throws when there is none, or no more. */
  stepOf(functionArn: string, signal: AbortSignal): Promise<GivenUpStep>;
}

export interface GivenUpStep {
  readonly pipeline: string;
  readonly step: string;
  readonly formerly?: string | undefined;
  /** Prefixes of the sources that are ours. */
  readonly own: readonly string[];
  readonly checkpoints: Pick<Checkpoints, 'load'>;
  /** Its committed state in a shard, wherever it is kept. Undefined: there is none, or it is out of reach. */
  stateOf(shard: string, signal: AbortSignal): Promise<string | undefined>;
}

/** What became of one document. */
export interface Converted {
  readonly key: string;
  /** Undefined when it stays, because it cannot be told yet what the step has done, or with the error. */
  readonly letters?: {
    readonly pipeline: string;
    readonly step: string;
    readonly shard: string;
    readonly count: number;
  };
  readonly error?: unknown;
}

/**
 * Makes dead letters of what Lambda gave up on. They are stored under names that follow from the events' positions
 * before their document is removed: what is interrupted is done again, into the same places.
 */
export async function* convertDocuments(place: GivenUpPlace, signal: AbortSignal): AsyncGenerator<Converted> {
  for await (const key of documentKeys(place, signal)) {
    try {
      yield await convert(place, key, signal);
    } catch (error) {
      signal.throwIfAborted();
      // Somebody else has made dead letters of it meanwhile.
      if ((error as Error).name !== 'NoSuchKey') yield { key, error };
    }
  }
}

async function* documentKeys({ s3, bucket }: GivenUpPlace, abortSignal: AbortSignal): AsyncGenerator<string> {
  for (let ContinuationToken: string | undefined; ; ) {
    const command = new ListObjectsV2Command({ Bucket: bucket, Prefix: GIVEN_UP_PREFIX, ContinuationToken });
    const page = await s3.send(command, { abortSignal });
    for (const { Key = '' } of page.Contents ?? []) yield Key;
    if (page.NextContinuationToken === undefined) return;
    ContinuationToken = page.NextContinuationToken;
  }
}

async function convert(place: GivenUpPlace, key: string, signal: AbortSignal): Promise<Converted> {
  const { s3, kinesis, bucket } = place;
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }), { abortSignal: signal });
  const document = GivenUpDocument.parse(JSON.parse(await text(Body as Readable)));
  const step = await place.stepOf(document.requestContext.functionArn, signal);
  const { shardId, streamArn } = document.KinesisBatchInfo;
  const shape = await describeStream(kinesis, streamArn, signal);
  const shard = shardKey(shape, shardId);
  const { pipeline, step: name, formerly, own } = step;
  const state = await step.stateOf(shard, signal);
  const rejections = missed(document, {
    facts: {
      ...rangeOf(shape.shards.find(({ id }) => id === shardId)),
      stream: shape.name,
      own,
      names: [name, formerly].filter((one) => one !== undefined).map((one) => `${pipeline}/${one}`),
    },
    state: state === undefined ? undefined : decodeState(state),
    gaps: await loadGaps(step.checkpoints, shard, signal),
    nowMillis: place.now(),
  });
  if (rejections === undefined) return { key };
  await openDeadLetters({ s3, bucket, pipeline, step: name }).put(shard, rejections, signal);
  await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }), { abortSignal: signal });
  return { key, letters: { pipeline, step: name, shard, count: rejections.length } };
}

/** A shard that is trimmed away had some range: an event of its that hashed elsewhere can no longer be told. */
function rangeOf(shard: Shard | undefined): Pick<Shard, 'from' | 'to'> {
  return shard ?? { from: 0n, to: 2n ** 128n - 1n };
}
