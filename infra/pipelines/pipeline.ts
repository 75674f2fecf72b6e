import type { z } from 'zod';
import { UserMistake } from '../../functions/runtime/errors.ts';
import type { Sink } from '../../functions/runtime/sink.ts';
import type { Source } from '../../functions/runtime/source.ts';
import type { Transform } from '../../functions/runtime/transform.ts';
import type { SinkName, SourceName } from '../connectors.ts';
import type { InlineSql } from './inline-sql.ts';

/**
 * A pipeline is plain data: what is deployed, and nothing of how. The CDK app, the local runner, the CLI and the
 * reports read it. A step that names a stream the pipeline does not have, or that does not fit it, does not compile;
 * nor does one whose connector is not in `infra/connectors.ts`.
 */
export interface Pipeline<S extends Streams = Streams> {
  readonly name: string;
  readonly streams: S;
  readonly sources: Readonly<Record<string, AnySourceStep>>;
  readonly transforms: Readonly<Record<string, AnyTransformStep>>;
  readonly sinks: Readonly<Record<string, AnySinkStep>>;
}

export type Streams = Readonly<Record<string, StreamDeclaration>>;

/** A stream of this pipeline, another pipeline's (`streamOf`), or one that already exists. */
export type StreamDeclaration = OwnStream | BorrowedStream | ExistingStream;

interface Schema {
  /** Its wire type, what travels as JSON, is what the steps' types are checked against. */
  readonly schema: z.ZodType;
}

interface Deduplicating {
  /**
   * Events of producers that are not ours count once, by their `source` and `sequence`, for whoever sends them again:
   * another team, or who posts CloudEvents to our HTTP source. A sequence is a whole number that grows, and it is the
   * producer's duty to have one request in flight per source: what it sends out of order is taken for a repeat. An
   * event without a sequence, or with another one, counts as often as it comes. The 2,000 sources that sent last are
   * known.
   */
  readonly idempotent?: true;
}

export interface OwnStream extends Schema, Deduplicating {
  /** 1 when neither `shards` nor `capacity` is given. */
  readonly shards?: number;
  readonly capacity?: 'on-demand';
  /** Days an event can be replayed, 1 to 365; 1 when not given. */
  readonly retentionDays?: number;
  /** Not compressed when not given. Readers need no configuration. */
  readonly compression?: 'zstd';
}

export interface BorrowedStream extends Schema {
  readonly of: { readonly pipeline: string; readonly stream: string };
}

export interface ExistingStream extends Schema, Deduplicating {
  /** The stream's ARN. */
  readonly existing: string;
}

/** Where a step that has no position yet starts reading. */
export type Start = 'earliest' | 'latest' | Date;

/** Milliseconds: `minutes(5)`. */
export type Duration = number & { readonly unit?: 'milliseconds' };

interface Named {
  /** The name this step had before: its position is kept. */
  readonly formerly?: string;
}

interface Reading {
  /** `earliest` when not given. */
  readonly start?: Start;
  /**
   * Enhanced fan-out: the step's own 2 MB/s of every shard, for a fee. Without it, it shares 2 MB/s and 5 reads a
   * second of a shard with the stream's other readers. A scheduled step reads now and then, and has none.
   */
  readonly fanOut?: true;
}

/** Narrows a connector's name to those that can be deployed. */
interface Connected<Name extends string> {
  readonly connector: Name;
}

export interface AnySourceStep extends Named {
  readonly read: Source<unknown> & Connected<SourceName>;
  readonly to: string;
}

export interface AnyTransformStep extends Named, Reading {
  readonly from: string;
  readonly apply: (Transform & WrittenFor<string, string>) | InlineSql;
  readonly to: string;
}

/** SQL names the streams that it reads and writes. */
interface WrittenFor<From extends string, To extends string> {
  readonly streams?: { readonly from: From; readonly to?: To };
}

export interface AnySinkStep extends Named, Reading {
  readonly from: string;
  readonly write: Sink<never> & Connected<SinkName>;
  /** A scheduled sink: how often it runs. Continuous when not given. */
  readonly every?: Duration;
}

type Wire<S extends Streams, K extends keyof S> = z.input<S[K]['schema']>;
type SourceStep<S extends Streams> = {
  [T in keyof S & string]: Named & { readonly read: Source<Wire<S, T>> & Connected<SourceName>; readonly to: T };
}[keyof S & string];
type TransformStep<S extends Streams> = {
  [F in keyof S & string]: {
    [T in keyof S & string]: Named &
      Reading & {
        readonly from: F;
        readonly apply: (Transform<Wire<S, F>, Wire<S, T>> & WrittenFor<F, T>) | InlineSql;
        readonly to: T;
      };
  }[keyof S & string];
}[keyof S & string];
type SinkStep<S extends Streams> = {
  [F in keyof S & string]: Named &
    Reading & { readonly from: F } & (
      | { readonly write: Sink<Wire<S, F>, 'either'> & Connected<SinkName>; readonly every?: Duration }
      | { readonly write: Sink<Wire<S, F>, 'scheduled'> & Connected<SinkName>; readonly every: Duration }
    );
}[keyof S & string];

/**
 * Throws a `UserMistake` that lists everything the compiler could not see: names that cannot name AWS resources, step
 * names used twice, numbers out of range.
 */
export function definePipeline<const S extends Streams>(declaration: {
  readonly name: string;
  readonly streams: S;
  readonly sources?: Readonly<Record<string, NoInfer<SourceStep<S>>>>;
  readonly transforms?: Readonly<Record<string, NoInfer<TransformStep<S>>>>;
  readonly sinks?: Readonly<Record<string, NoInfer<SinkStep<S>>>>;
}): Pipeline<S> {
  const pipeline = {
    name: declaration.name,
    streams: declaration.streams,
    sources: (declaration.sources ?? {}) as Pipeline['sources'],
    transforms: (declaration.transforms ?? {}) as Pipeline['transforms'],
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

/** Another pipeline's stream, under the same schema, for reading or writing in this one. */
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

/** Two hyphens join names to physical names, and a stack's name has no underscore. */
const NAME = /^(?=.{1,30}$)[a-z][a-z0-9_]*(-[a-z0-9_]+)*$/;
const PIPELINE_NAME = /^(?=.{1,30}$)[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const NAME_RULE = '1 to 30 of a-z, 0-9';
const NAME_SHAPE = 'beginning with a letter, with no hyphen at its end or beside another';

function mistakesOf(pipeline: Pipeline): string[] {
  return [...nameMistakes(pipeline), ...streamMistakes(pipeline.streams), ...stepMistakes(pipeline)];
}

function nameMistakes(pipeline: Pipeline): string[] {
  const steps = [pipeline.sources, pipeline.transforms, pipeline.sinks].flatMap((group) => Object.keys(group));
  const names = [
    ...Object.keys(pipeline.streams).map((name) => ({ what: 'stream', name })),
    ...steps.map((name) => ({ what: 'step', name })),
  ];
  const bad = names
    .filter(({ name }) => !NAME.test(name))
    .map(({ what, name }) => `${what} '${name}': a name is ${NAME_RULE}, '-' and '_', ${NAME_SHAPE}`);
  if (!PIPELINE_NAME.test(pipeline.name)) {
    bad.unshift(`pipeline '${pipeline.name}': its name is ${NAME_RULE} and '-', ${NAME_SHAPE}`);
  }
  const twice = steps.filter((name, index) => steps.indexOf(name) !== index);
  return [...bad, ...twice.map((name) => `step '${name}' is there twice: a step's name names its checkpoint`)];
}

const KINESIS_ARN = /^arn:[a-z-]+:kinesis:[a-z0-9-]+:\d{12}:stream\/[a-zA-Z0-9_.-]+$/;

function streamMistakes(streams: Streams): string[] {
  return Object.entries(streams).flatMap(([name, stream]) => {
    if ('existing' in stream && !KINESIS_ARN.test(stream.existing)) {
      return [`stream '${name}': existing is '${stream.existing}'; it is the ARN of a Kinesis stream`];
    }
    if (!('shards' in stream || 'capacity' in stream || 'retentionDays' in stream)) return [];
    const { shards, capacity, retentionDays } = stream as OwnStream;
    const found: string[] = [];
    if (shards !== undefined && !(Number.isInteger(shards) && shards >= 1 && shards <= 10_000)) {
      found.push(`stream '${name}': shards is ${shards}; it is a whole number from 1 to 10000`);
    }
    if (shards !== undefined && capacity !== undefined) {
      found.push(`stream '${name}': shards and capacity: 'on-demand' exclude each other; keep one`);
    }
    if (retentionDays !== undefined && !(retentionDays >= 1 && retentionDays <= 365)) {
      found.push(`stream '${name}': retentionDays is ${retentionDays}; it is a number from 1 to 365`);
    }
    return found;
  });
}

function stepMistakes(pipeline: Pipeline): string[] {
  const sinks = Object.entries(pipeline.sinks).flatMap(([name, { every }]) =>
    every !== undefined && !(every >= 60_000 && every % 60_000 === 0)
      ? [`step '${name}': every is ${every} ms; a schedule is a whole number of minutes, 1 at least: minutes(1)`]
      : [],
  );
  const scheduled = Object.entries(pipeline.sinks).flatMap(([name, { every, fanOut }]) =>
    every !== undefined && fanOut
      ? [
          `step '${name}': fanOut is for a step that reads all the time, and this one has a schedule: leave one of them out`,
        ]
      : [],
  );
  const steps = { ...pipeline.sources, ...pipeline.transforms, ...pipeline.sinks };
  const renamed = Object.entries(steps).flatMap(([name, { formerly }]) =>
    formerly !== undefined && formerly in steps
      ? [`step '${name}': formerly is '${formerly}', which is a step of this pipeline still`]
      : [],
  );
  const circular = Object.entries(pipeline.transforms).flatMap(([name, { from, to }]) =>
    from === to
      ? [`step '${name}': it reads and writes stream '${to}', so its own events would come back for ever`]
      : [],
  );
  return [...sinks, ...scheduled, ...renamed, ...circular, ...Object.entries(pipeline.transforms).flatMap(sqlMistakes)];
}

function sqlMistakes([name, { from, to, apply }]: [string, AnyTransformStep]): string[] {
  // What stands in the pipeline itself is parsed when it is planned to run.
  if ('sql' in apply) return [];
  const { from: read, to: written } = apply.streams ?? {};
  return [
    ...(read === undefined || read === from
      ? []
      : [`step '${name}': its SQL says FROM ${read}, but it reads stream '${from}'`]),
    ...(written === undefined || written === to
      ? []
      : [`step '${name}': its SQL says CREATE STREAM ${written}, but it writes stream '${to}'`]),
  ];
}
