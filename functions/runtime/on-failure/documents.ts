import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import type { Checkpoints } from '../checkpoints/checkpoints.ts';
import { shardKey } from '../checkpoints/shard-states.ts';
import type { StepState } from '../checkpoints/step-state.ts';
import { openDeadLetters } from '../dead-letters/dead-letters.ts';
import { describeStream, type Kinesis, type Shard, type StreamShape } from '../log/shards.ts';
import { loadGaps } from './gaps.ts';
import { missed, ON_FAILURE_PREFIX, OnFailureDocument } from './missed.ts';

/** The bucket of the on-failure documents, and the steps that they belong to. */
export interface OnFailureBucket {
  readonly s3: Pick<S3Client, 'send'>;
  readonly kinesis: Kinesis;
  readonly bucket: string;
  now(): number;
  /** Finds the step with this function. Rejects when there is none, or none any more. */
  stepOf(functionArn: string, signal: AbortSignal): Promise<OnFailureStep>;
}

export interface OnFailureStep {
  readonly pipeline: string;
  readonly step: string;
  readonly formerly?: string | undefined;
  /** Prefixes of the sources of our own steps. */
  readonly own: readonly string[];
  readonly checkpoints: Pick<Checkpoints, 'load'>;
  /** Resolves to the step's committed state in a shard. Undefined: there is none, or it cannot be reached. */
  stateOf(shard: string, signal: AbortSignal): Promise<StepState | undefined>;
}

/** The outcome for one document. */
export interface Converted {
  readonly key: string;
  /** Undefined when the document stays: there was an error, or nothing shows yet what the step has done. */
  readonly letters?: {
    readonly pipeline: string;
    readonly step: string;
    readonly shard: string;
    readonly count: number;
  };
  readonly error?: unknown;
}

/**
 * Makes dead letters of the events that Lambda has discarded. The letters are stored, under names that follow from the
 * positions of their events, before the document is removed. A run that follows an interrupted one therefore stores the
 * same objects.
 *
 * `announced`: the keys of the documents to convert. Without them, all stored documents are. Each stream is described
 * once per run: every shard in a document existed for hours before Lambda discarded its records.
 */
export async function* convertDocuments(
  from: OnFailureBucket,
  signal: AbortSignal,
  announced?: readonly string[],
): AsyncGenerator<Converted> {
  const run = { ...from, shapeOf: shapesOf(from, signal) };
  for await (const key of announced ?? documentKeys(from, signal)) {
    try {
      yield await convert(run, key, signal);
    } catch (error) {
      signal.throwIfAborted();
      // Another run has made the dead letters of this document meanwhile.
      if ((error as Error).name !== 'NoSuchKey') yield { key, error };
    }
  }
}

async function* documentKeys({ s3, bucket }: OnFailureBucket, abortSignal: AbortSignal): AsyncGenerator<string> {
  for (let ContinuationToken: string | undefined; ; ) {
    const command = new ListObjectsV2Command({ Bucket: bucket, Prefix: ON_FAILURE_PREFIX, ContinuationToken });
    const page = await s3.send(command, { abortSignal });
    for (const { Key = '' } of page.Contents ?? []) yield Key;
    if (page.NextContinuationToken === undefined) return;
    ContinuationToken = page.NextContinuationToken;
  }
}

interface Run extends OnFailureBucket {
  /** Resolves to the stream's shape, as it was when the run first asked for it. */
  shapeOf(streamArn: string): Promise<StreamShape>;
}

function shapesOf({ kinesis }: OnFailureBucket, signal: AbortSignal): Run['shapeOf'] {
  const shapes = new Map<string, StreamShape>();
  return async (streamArn) => {
    const shape = shapes.get(streamArn) ?? (await describeStream(kinesis, streamArn, signal));
    shapes.set(streamArn, shape);
    return shape;
  };
}

async function convert(from: Run, key: string, signal: AbortSignal): Promise<Converted> {
  const { s3, bucket } = from;
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }), { abortSignal: signal });
  const document = OnFailureDocument.parse(JSON.parse(await text(Body as Readable)));
  const step = await from.stepOf(document.requestContext.functionArn, signal);
  const { shardId, streamArn } = document.KinesisBatchInfo;
  const shape = await from.shapeOf(streamArn);
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
    state,
    gaps: await loadGaps(step.checkpoints, shard, signal),
    nowMillis: from.now(),
  });
  if (rejections === undefined) return { key };
  await openDeadLetters({ s3, bucket, pipeline, step: name }).put(shard, rejections, signal);
  await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }), { abortSignal: signal });
  return { key, letters: { pipeline, step: name, shard, count: rejections.length } };
}

/**
 * Returns the hash range of a shard. The range of a shard that is trimmed away is not known any more, so an event of it
 * that hashed elsewhere cannot be recognised.
 */
function rangeOf(shard: Shard | undefined): Pick<Shard, 'from' | 'to'> {
  return shard ?? { from: 0n, to: 2n ** 128n - 1n };
}
