import type { z } from 'zod';
import { UserMistake } from '../../functions/runtime/errors.ts';
import type { Sink } from '../../functions/runtime/sink.ts';
import type { Source, SplitSource } from '../../functions/runtime/source.ts';
import type { Table } from '../../functions/runtime/table.ts';
import type { Transform } from '../../functions/runtime/transform.ts';
import { connectors, type SinkName, type SourceName } from '../connectors.ts';
import { KEY_ARN, KEY_ARN_RULE, keysOf, type StreamKey } from '../key-arn.ts';
import type { SchemaVersion } from '../schemas/version.ts';
import type { CheckedJoins, CheckedSinks, CheckedSources, CheckedTables, CheckedTransforms } from './checked-steps.ts';
import type { InlineSql } from './inline-sql.ts';
import type { AnyJoinStep } from './join-parts.ts';
import { planJoins } from './joins.ts';
import { fieldMistakes } from './sink-fields.ts';
import type { Connected, Duration, SinkStep, SourceStep, TableStep, TransformStep, WrittenFor } from './steps.ts';
import { tableMistakes } from './table-mistakes.ts';

/**
 * A pipeline as plain data: what is deployed, not how. The CDK app, the local runner and the CLI read it. A step does
 * not compile when it names a stream that the pipeline does not have, when its types do not fit the stream, or when its
 * connector is not in `infra/connectors.ts`.
 */
export interface Pipeline<S extends Streams = Streams> {
  readonly name: string;
  /**
   * The name of a database: a stage whose context does not have it (`databases`) does not get this pipeline. For a
   * pipeline that reads a database which not every stage has.
   */
  readonly onlyWithDatabase?: string;
  readonly streams: S;
  readonly sources: Readonly<Record<string, AnySourceStep>>;
  readonly transforms: Readonly<Record<string, AnyTransformStep>>;
  readonly tables: Readonly<Record<string, AnyTableStep>>;
  readonly sinks: Readonly<Record<string, AnySinkStep>>;
}

export type Streams = Readonly<Record<string, StreamDeclaration>>;

/** What concerns the time of tables with windows behind a stream. */
interface Timed {
  /**
   * Old events are loaded until this time: windows behind the stream close, and events are late, only from then on.
   * Nothing else changes: leave it there, or remove it once the time is past.
   */
  readonly backfillUntil?: Date;
  /**
   * The width and the retention of the copy through which tables with windows read a stream that gets no ticks, because
   * it exists or is `shared` (copies.ts). By default those that are declared of the stream; of one that exists, one
   * shard and a day.
   */
  readonly copy?: { readonly shards?: number; readonly capacity?: 'on-demand'; readonly retentionDays?: number };
}

/** A stream of this pipeline, of another pipeline (`streamOf`), or one that exists already. */
export type StreamDeclaration = OwnStream | BorrowedStream | ExistingStream;

interface Schema {
  /** The steps' types are checked against the schema's wire type: what travels as JSON. */
  readonly schema: z.ZodType;
  /** The versions of the schema that the lock file has, the oldest first: `withVersions` sets them. */
  readonly versions?: readonly SchemaVersion[];
}

interface Deduplicating {
  /**
   * Deduplicates the events of other producers (another team, or clients that post CloudEvents to the HTTP source) by
   * their `source` and `sequence`. A sequence is a whole number that grows. The producer must keep at most one request
   * in flight for each source: an event that arrives out of order is taken for a duplicate and dropped. An event
   * without such a sequence counts every time it is appended. The 2,000 sources that sent last are remembered. Without
   * it, only events of Millrace's own steps are deduplicated.
   */
  readonly idempotent?: true;
}

interface Encrypted {
  /**
   * The ARN of the customer managed KMS key that encrypts the stream; for a stream that exists, of the key that does so
   * already. By default AWS's own key for Kinesis, which needs no rights. When you change the key, list the former ones
   * behind the new one for as long as the stream keeps an event: `[new, former]`.
   */
  readonly key?: StreamKey;
}

export interface OwnStream extends Schema, Deduplicating, Encrypted, Timed {
  /** The number of shards; 1 without `shards` and `capacity`. */
  readonly shards?: number;
  /** Capacity that follows the traffic, instead of a number of shards. */
  readonly capacity?: 'on-demand';
  /** How many days the stream keeps an event, 1 to 365; 1 by default. */
  readonly retentionDays?: number;
  /** How writers compress records; not compressed by default. Readers need no configuration. */
  readonly compression?: 'zstd';
  /**
   * Programs of others read the stream, so nothing of ours is appended to it but events: no ticks. Tables with windows
   * read it through a copy.
   */
  readonly shared?: true;
}

/**
 * The copy of a stream that gets no ticks, which the planner adds (copies.ts): the stream, and the step that copies it,
 * by their names in the pipeline.
 */
export interface CopyStream extends OwnStream {
  readonly copies: { readonly stream: string; readonly step: string };
}

export interface BorrowedStream extends Schema {
  readonly of: { readonly pipeline: string; readonly stream: string };
}

export interface ExistingStream extends Schema, Deduplicating, Encrypted, Timed {
  /** The stream's ARN. */
  readonly existing: string;
  /** The stream's maximum record size in KiB, 1,024 to 10,240, if it is not Kinesis's default; 1,024 by default. */
  readonly maxRecordKiB?: number;
  /**
   * How many days the stream keeps an event, 1 to 365, if that matters to the pipeline: `millrace doctor` compares it
   * with the stream. The steps ask the stream itself.
   */
  readonly retentionDays?: number;
}

export type AnySourceStep = SourceStep<
  (Source<unknown> | SplitSource<unknown>) & Connected<SourceName>,
  string | Readonly<Record<string, string>>
>;
export type AnyTransformStep = TransformStep<string, (Transform & WrittenFor<string, string>) | InlineSql, string>;
export type AnyTableStep = TableStep<string, Table>;
export type AnySinkStep = SinkStep<string, Sink<never, 'either' | 'scheduled', string> & Connected<SinkName>>;

/**
 * Declares a pipeline. Throws a `UserMistake` that lists all mistakes that the compiler cannot see: names that are not
 * allowed on AWS, step names that are used twice, numbers out of range. Without types it also finds fields that a
 * stream does not have.
 */
export function definePipeline<
  const S extends Streams,
  const Sources,
  const Transforms,
  const Tables,
  const Joins,
  const Sinks,
>(declaration: {
  readonly name: string;
  readonly onlyWithDatabase?: string;
  readonly streams: S;
  readonly sources?: CheckedSources<NoInfer<S>, Sources>;
  readonly transforms?: CheckedTransforms<NoInfer<S>, Transforms>;
  readonly tables?: CheckedTables<NoInfer<S>, Tables>;
  readonly joins?: CheckedJoins<NoInfer<S>, Joins>;
  readonly sinks?: CheckedSinks<NoInfer<S>, Sinks>;
}): Pipeline<S> {
  const transforms = (declaration.transforms ?? {}) as Pipeline['transforms'];
  const tables = (declaration.tables ?? {}) as Pipeline['tables'];
  const joins = (declaration.joins ?? {}) as Readonly<Record<string, AnyJoinStep>>;
  const planned = planJoins(joins, { streams: declaration.streams, transforms, tables });
  const pipeline = {
    name: declaration.name,
    ...(declaration.onlyWithDatabase === undefined ? {} : { onlyWithDatabase: declaration.onlyWithDatabase }),
    streams: { ...declaration.streams, ...planned.streams },
    sources: (declaration.sources ?? {}) as Pipeline['sources'],
    transforms: { ...transforms, ...planned.transforms },
    tables: { ...tables, ...planned.tables },
    sinks: (declaration.sinks ?? {}) as Pipeline['sinks'],
  };
  const mistakes = mistakesOf(pipeline);
  if (mistakes.length > 0) {
    throw new UserMistake(
      `pipeline '${pipeline.name}' cannot be deployed:\n${mistakes.map((m) => `  ${m}`).join('\n')}`,
    );
  }
  return pipeline;
}

/** Declares a stream of another pipeline, with the same schema, for reading or writing in this one. */
export function streamOf<S extends Streams, K extends keyof S & string>(
  pipeline: Pipeline<S>,
  stream: K,
): { readonly schema: S[K]['schema']; readonly of: { readonly pipeline: string; readonly stream: K } } {
  const declaration = pipeline.streams[stream];
  if (declaration === undefined) throw new UserMistake(`pipeline '${pipeline.name}' has no stream '${stream}'`);
  return { schema: declaration.schema, of: { pipeline: pipeline.name, stream } };
}

export function minutes(count: number): Duration {
  return count * 60_000;
}

export function hours(count: number): Duration {
  return count * 3_600_000;
}

/** Names have no two hyphens in a row, because these join names to physical names; a stack's name has no underscore. */
const NAME = /^(?=.{1,30}$)[a-z][a-z0-9_]*(-[a-z0-9_]+)*$/;
const PIPELINE_NAME = /^(?=.{1,30}$)[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const NAME_RULE = '1 to 30 of a-z, 0-9';
const NAME_SHAPE = 'begins with a letter, and has no hyphen at its end or next to another';

function mistakesOf(pipeline: Pipeline): string[] {
  return [
    ...nameMistakes(pipeline),
    ...keyMistakes(pipeline.streams),
    ...streamMistakes(pipeline.streams),
    ...stepMistakes(pipeline),
  ];
}

function nameMistakes(pipeline: Pipeline): string[] {
  const steps = [pipeline.sources, pipeline.transforms, pipeline.tables, pipeline.sinks].flatMap((group) =>
    Object.keys(group),
  );
  const names = [
    ...Object.keys(pipeline.streams).map((name) => ({ what: 'stream', name })),
    ...steps.map((name) => ({ what: 'step', name })),
  ];
  const bad = names
    .filter(({ name }) => !NAME.test(name))
    .map(({ what, name }) => `${what} '${name}': a name has ${NAME_RULE}, '-' and '_', ${NAME_SHAPE}`);
  if (!PIPELINE_NAME.test(pipeline.name)) {
    bad.unshift(`pipeline '${pipeline.name}': its name has ${NAME_RULE} and '-', ${NAME_SHAPE}`);
  }
  const twice = steps.filter((name, index) => steps.indexOf(name) !== index);
  return [
    ...bad,
    ...twice.map(
      (name) => `step '${name}' exists twice: rename one, because the name identifies the step's checkpoint`,
    ),
  ];
}

const KINESIS_ARN = /^arn:[a-z-]+:kinesis:[a-z0-9-]+:\d{12}:stream\/[a-zA-Z0-9_.-]+$/;

function keyMistakes(streams: Streams): string[] {
  return Object.entries(streams).flatMap(([name, stream]) =>
    keysOf('key' in stream ? stream.key : undefined)
      .filter((key) => !KEY_ARN.test(key))
      .map((key) => `stream '${name}': key is '${key}': ${KEY_ARN_RULE}`),
  );
}

function streamMistakes(streams: Streams): string[] {
  return Object.entries(streams).flatMap(([name, stream]) => {
    if ('existing' in stream && !KINESIS_ARN.test(stream.existing)) {
      return [`stream '${name}': existing is '${stream.existing}': use the ARN of a Kinesis stream`];
    }
    if ('backfillUntil' in stream && Number.isNaN(stream.backfillUntil?.getTime()))
      return [`stream '${name}': backfillUntil is no time: use a date such as new Date('2026-01-31T12:00:00Z')`];
    const ofCopy = 'copy' in stream ? widthMistakes(`${name}-timed`, stream.copy ?? {}) : [];
    if ('existing' in stream)
      return [...recordSizeMistakes(name, stream), ...retentionMistakes(name, stream), ...ofCopy];
    if (!('shards' in stream || 'capacity' in stream || 'retentionDays' in stream)) return ofCopy;
    return [...widthMistakes(name, stream as OwnStream), ...ofCopy];
  });
}

function widthMistakes(
  name: string,
  { shards, capacity, retentionDays }: Pick<OwnStream, 'shards' | 'capacity' | 'retentionDays'>,
): string[] {
  const found: string[] = [];
  if (shards !== undefined && !(Number.isInteger(shards) && shards >= 1 && shards <= 10_000)) {
    found.push(`stream '${name}': shards is ${shards}: use a whole number from 1 to 10000`);
  }
  if (shards !== undefined && capacity !== undefined) {
    found.push(`stream '${name}': shards and capacity: 'on-demand' exclude each other; keep one`);
  }
  return [...found, ...retentionMistakes(name, { retentionDays })];
}

function retentionMistakes(name: string, { retentionDays: days }: { readonly retentionDays?: number | undefined }) {
  if (days === undefined || (days >= 1 && days <= 365)) return [];
  return [`stream '${name}': retentionDays is ${days}: use a number from 1 to 365`];
}

function recordSizeMistakes(name: string, { maxRecordKiB: size = 1_024 }: ExistingStream): string[] {
  if (Number.isInteger(size) && size >= 1_024 && size <= 10_240) return [];
  return [`stream '${name}': maxRecordKiB is ${size}: use the stream's maximum record size, from 1024 to 10240`];
}

function stepMistakes(pipeline: Pipeline): string[] {
  const regular = Object.entries({ ...pipeline.sources, ...pipeline.sinks }).flatMap(([name, { every }]) =>
    every !== undefined && !(every >= 60_000 && every % 60_000 === 0)
      ? [`step '${name}': every is ${every} ms: use a whole number of minutes, at least minutes(1)`]
      : [],
  );
  const scheduled = Object.entries(pipeline.sinks).flatMap(([name, { every, fanOut }]) =>
    every !== undefined && fanOut
      ? [
          `step '${name}': fanOut and every exclude each other, because fanOut is for steps that read continuously: remove one of them`,
        ]
      : [],
  );
  const steps = { ...pipeline.sources, ...pipeline.transforms, ...pipeline.tables, ...pipeline.sinks };
  const renamed = Object.entries(steps).flatMap(([name, { formerly }]) =>
    formerly !== undefined && formerly in steps
      ? [
          `step '${name}': formerly is '${formerly}', which is still a step of this pipeline: rename or remove that step`,
        ]
      : [],
  );
  const circular = Object.entries(pipeline.transforms).flatMap(([name, { from, to }]) =>
    from === to
      ? [
          `step '${name}': it reads and writes stream '${to}', so it would read its own output for ever: write to another stream`,
        ]
      : [],
  );
  return [
    ...[regular, scheduled, renamed, circular].flat(),
    ...Object.entries(pipeline.sources).flatMap(([name, step]) => sourceMistakes(name, step, pipeline)),
    ...fieldMistakes(pipeline),
    ...Object.entries(pipeline.transforms).flatMap(sqlMistakes),
    ...Object.entries(pipeline.tables).flatMap(tableMistakes),
  ];
}

function sourceMistakes(name: string, { every, read, to }: AnySourceStep, { streams }: Pipeline): string[] {
  const notPulled =
    every !== undefined && connectors[read.connector]?.delivery !== 'pulled'
      ? [`step '${name}': every is for sources that are read on a schedule, and '${read.connector}' is not: remove it`]
      : [];
  const { outputs } = read;
  if (typeof to === 'string' && outputs === undefined)
    return [...notPulled, ...untoldMistakes(name, { read, to, streams })];
  if (typeof to === 'string' || outputs === undefined) {
    const fix =
      outputs === undefined
        ? 'has one output: name one stream'
        : `has several outputs: to: { ${outputs.map((one) => `${one}: <stream>`).join(', ')} }`;
    return [...notPulled, `step '${name}': to does not fit its source, which ${fix}`];
  }
  const missing = outputs.filter((output) => !(output in to));
  const unknown = Object.keys(to).filter((output) => !outputs.includes(output));
  const strange = Object.entries(to).filter(([, stream]) => !(stream in streams));
  return [
    ...notPulled,
    ...missing.map((output) => `step '${name}': to has no stream for the output '${output}'`),
    ...unknown.map(
      (output) => `step '${name}': to.${output}: its source has no such output: it has ${outputs.join(', ')}`,
    ),
    ...strange.map(([output, stream]) => `step '${name}': to.${output}: the pipeline has no stream '${stream}'`),
  ];
}

/** The device and the number of a message tell it apart only where readers look at them. */
function untoldMistakes(
  name: string,
  { read, to, streams }: { readonly read: AnySourceStep['read']; readonly to: string; readonly streams: Streams },
): string[] {
  const { device } = (read.options ?? {}) as { readonly device?: unknown };
  const stream = streams[to];
  if (read.connector !== 'mqtt' || device === undefined || stream === undefined || 'of' in stream) return [];
  if (stream.idempotent === true) return [];
  return [
    `step '${name}': device and number drop what comes twice only in a stream that is idempotent: say so of stream '${to}', or leave them out`,
  ];
}

function sqlMistakes([name, { from, to, apply }]: [string, AnyTransformStep]): string[] {
  // Inline SQL is parsed later, when the pipeline is deployed or run.
  if ('sql' in apply) return [];
  const { from: read, to: written } = apply.streams ?? {};
  return [
    ...(read === undefined || read === from
      ? []
      : [`step '${name}': its SQL says FROM ${read}, but the step reads stream '${from}': make them equal`]),
    ...(written === undefined || written === to
      ? []
      : [`step '${name}': its SQL says CREATE STREAM ${written}, but the step writes stream '${to}': make them equal`]),
  ];
}
