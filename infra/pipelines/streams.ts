import type { z } from 'zod';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { keysOf } from '../key-arn.ts';
import type { SchemaVersion } from '../schemas/version.ts';
import type { CopyStream, OwnStream, Pipeline } from './pipeline.ts';

/** A stream as it is deployed: one that a pipeline creates, or one that exists already. */
export type StreamPlan = OwnStreamPlan | ExistingStreamPlan;

interface AnyStreamPlan {
  readonly schema: z.ZodType;
  /** The versions of the schema, the oldest first. Undefined: the schema is the only one. */
  readonly versions?: readonly SchemaVersion[] | undefined;
  /** True: events of other producers are deduplicated too, by their source and sequence. */
  readonly idempotent: boolean;
  /** The largest record that the stream takes: data and partition key together. */
  readonly maxRecordKiB: number;
  /** Undefined: nobody said how long the stream keeps an event. */
  readonly retentionHours: number | undefined;
  /**
   * The ARNs of the customer's keys: the first encrypts, and events that the stream still holds may have any of them.
   */
  readonly keys: readonly string[];
  /** Until then, in milliseconds since 1970, old events are loaded, and no time passes behind the stream. */
  readonly backfillUntil?: number | undefined;
}

/** Kinesis's default. The streams that pipelines create have it. */
const DEFAULT_RECORD_KIB = 1_024;

export interface OwnStreamPlan extends AnyStreamPlan {
  readonly kind: 'own';
  /** The pipeline that creates it. */
  readonly pipeline: string;
  readonly name: string;
  /** A number of shards, or capacity that follows the traffic. */
  readonly shards: number | 'on-demand';
  readonly retentionHours: number;
  readonly compression: OwnStream['compression'];
  /** True when programs of others read the stream: it gets no ticks. */
  readonly isShared?: boolean;
  /** Set for the copy of a stream that gets no ticks: that stream, and the step that copies, `<pipeline>/<step>`. */
  readonly copyOf?: { readonly stream: StreamPlan; readonly step: string } | undefined;
}

export interface ExistingStreamPlan extends AnyStreamPlan {
  readonly kind: 'existing';
  readonly arn: string;
}

function hoursOf(days: number): number {
  return Math.round(days * 24);
}

/** Finds the stream that a pipeline calls `name`, in this pipeline or in the one that owns the stream. */
export function resolveStream(pipeline: Pipeline, name: string, pipelines: readonly Pipeline[]): StreamPlan {
  const declaration = pipeline.streams[name];
  if (declaration === undefined) throw new UserMistake(`pipeline '${pipeline.name}' has no stream '${name}'`);
  if ('existing' in declaration) {
    const { existing: arn, schema: ofExisting, idempotent: isIdempotent = false } = declaration;
    const { maxRecordKiB = DEFAULT_RECORD_KIB, retentionDays: keptDays, key } = declaration;
    const retentionHours = keptDays === undefined ? undefined : hoursOf(keptDays);
    const shape = { schema: ofExisting, idempotent: isIdempotent, maxRecordKiB, retentionHours, keys: keysOf(key) };
    return {
      kind: 'existing',
      arn,
      versions: declaration.versions,
      ...shape,
      backfillUntil: declaration.backfillUntil?.getTime(),
    };
  }
  if ('of' in declaration) {
    const owner = pipelines.find((candidate) => candidate.name === declaration.of.pipeline);
    if (owner === undefined) {
      throw new UserMistake(
        `pipeline '${pipeline.name}': stream '${name}' belongs to pipeline '${declaration.of.pipeline}', which does not exist: use one of ` +
          `${pipelines.map((known) => `'${known.name}'`).join(', ') || 'the pipelines (there is none)'}`,
      );
    }
    return resolveStream(owner, declaration.of.stream, pipelines);
  }
  const { schema, shards, capacity, retentionDays, compression, idempotent = false } = declaration;
  return {
    kind: 'own',
    pipeline: pipeline.name,
    name,
    schema,
    versions: declaration.versions,
    compression,
    idempotent,
    maxRecordKiB: DEFAULT_RECORD_KIB,
    keys: keysOf(declaration.key),
    shards: capacity ?? shards ?? 1,
    retentionHours: hoursOf(retentionDays ?? 1),
    backfillUntil: declaration.backfillUntil?.getTime(),
    ...(declaration.shared === true ? { isShared: true } : {}),
    copyOf: copyOf(pipeline, declaration, pipelines),
  };
}

function copyOf(
  pipeline: Pipeline,
  declaration: OwnStream | CopyStream,
  pipelines: readonly Pipeline[],
): OwnStreamPlan['copyOf'] {
  if (!('copies' in declaration)) return undefined;
  const stream = resolveStream(pipeline, declaration.copies.stream, pipelines);
  return { stream, step: `${pipeline.name}/${declaration.copies.step}` };
}

export function sameStream(one: StreamPlan, other: StreamPlan): boolean {
  if (one.kind === 'existing') return other.kind === 'existing' && one.arn === other.arn;
  return other.kind === 'own' && one.pipeline === other.pipeline && one.name === other.name;
}
