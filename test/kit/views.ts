import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { type BatchFacts, openBatch } from '../../functions/runtime/batches/batch.ts';
import { type MarkRange, marksWithin, noMarks } from '../../functions/runtime/checkpoints/marks.ts';
import { decodeState, type StepState } from '../../functions/runtime/checkpoints/step-state.ts';
import type { DeadLetter } from '../../functions/runtime/dead-letters/dead-letter.ts';
import { parseLetterObject, readLetterObject } from '../../functions/runtime/dead-letters/letter-objects.ts';
import type { ReceivedEvent } from '../../functions/runtime/event.ts';
import type { Shard } from '../../functions/runtime/log/shards.ts';
import { endOfRecord, type Position, sequenceNumberOf } from '../../functions/runtime/position.ts';
import { decodeRecord } from '../../functions/runtime/record-codec/decode.ts';
import type { Tick } from '../../functions/runtime/time/tick.ts';
import { connectors } from '../../infra/connectors.ts';
import type { ReaderPlan, StepPlan } from '../../infra/pipelines/plan.ts';
import { askParquet, type ParquetRow } from './parquet.ts';
import type { StoredObject } from './s3.ts';
import { shortShard } from './story.ts';
import type { World } from './world.ts';

/** A stream as a reader sees it from its start: duplicates are dropped. */
export interface StreamView {
  /** Returns the events in the order of their arrival. */
  events(): readonly ReceivedEvent[];
  data(): readonly unknown[];
  /** Returns how many duplicates were appended, which a reader drops. */
  repeats(): number;
  /** Returns the ticks of all shards, in the order of their arrival, those that came twice included. */
  ticks(): readonly Tick[];
  /**
   * Returns all that was ever appended, ticks and duplicates included, in the order of the shards and their records.
   */
  log(): readonly LogItem[];
}

/** An event or a tick, and where it came. */
export interface LogItem {
  readonly shard: Shard;
  /** The position just after it. */
  readonly at: Position;
  readonly arrivedMillis: number;
  readonly event: ReceivedEvent | undefined;
  readonly tick: Tick | undefined;
}

export function streamView({ stage }: World, stream: string, own: readonly string[]): StreamView {
  const read = (): { events: readonly ReceivedEvent[]; repeats: number } => {
    const appended = stage.streams.appended(stream);
    const states = new Map<string, StepState>();
    const found: { event: ReceivedEvent; index: number }[] = [];
    let repeats = 0;
    for (const shard of stage.streams.shards(stream)) {
      const batch = openBatch(freshState(shard, states), factsOf(stream, shard, own));
      for (const [index, record] of appended.entries()) {
        if (record.shardId !== shard.id) continue;
        const before = batch.events.length;
        batch.take(record);
        found.push(...batch.events.slice(before).map((event) => ({ event, index })));
      }
      states.set(shard.id, batch.state());
      repeats += batch.counts.alreadySeen;
    }
    found.sort((a, b) => a.index - b.index);
    return { events: found.map(({ event }) => event), repeats };
  };
  return {
    events: () => read().events,
    data: () => read().events.map(({ data }) => data),
    repeats: () => read().repeats,
    ticks: () =>
      stage.streams
        .appended(stream)
        .flatMap((record) => decodeRecord(record, { name: stream }).ticks.map(({ tick }) => tick)),
    log: () =>
      stage.streams.shards(stream).flatMap((shard) =>
        stage.streams
          .appended(stream)
          .filter(({ shardId }) => shardId === shard.id)
          .flatMap((record) => {
            const { entries, ticks } = decodeRecord(record, { name: stream });
            const place = { shard, arrivedMillis: record.approximateArrivalMillis };
            const events = entries.map((entry): LogItem => {
              if ('rejection' in entry)
                return { ...place, at: entry.rejection.at as Position, event: undefined, tick: undefined };
              return { ...place, at: entry.event.position, event: entry.event, tick: undefined };
            });
            const told = ticks.map(({ tick, at }): LogItem => ({ ...place, at, event: undefined, tick }));
            return [...events, ...told].sort((one, other) => (one.at < other.at ? -1 : 1));
          }),
      ),
  };
}

/** Returns the marks with which a reader of a shard begins: those of the shard's parents. */
function freshState({ parents, from, to }: Shard, states: ReadonlyMap<string, StepState>): StepState {
  const inherited: MarkRange[] = parents.flatMap((id) => marksWithin(states.get(id)?.marks ?? [], from, to));
  return { position: undefined, marks: parents.length === 0 ? noMarks(from, to) : inherited, rejections: [] };
}

function factsOf(stream: string, { from, to }: Shard, own: readonly string[]): BatchFacts {
  return { stream, from, to, own, names: [] };
}

/** A step's position in one shard. */
export interface ShardPosition {
  /** For example `shard 0`. */
  readonly shard: string;
  /** The record that the position is in or just after; undefined before the first one. */
  readonly sequenceNumber: string | undefined;
  /** How many records come after the position. */
  readonly recordsBehind: number;
}

export function positionsOf({ stage, incarnations }: World, step: ReaderPlan): readonly ShardPosition[] {
  const stream = stage.streamName(step.input.stream);
  const appended = stage.streams.appended(stream);
  return stage.streams.shards(stream).map(({ id }) => {
    const state = stateOf(stage, step, `${incarnations.get(stream)}/${id}`);
    const position = state === undefined ? undefined : decodeState(state).position;
    const records = appended.filter(({ shardId }) => shardId === id);
    const behind = records.filter(
      ({ sequenceNumber }) => position === undefined || endOfRecord(sequenceNumber) > position,
    );
    return {
      shard: shortShard(id),
      sequenceNumber: position === undefined ? undefined : sequenceNumberOf(position),
      recordsBehind: behind.length,
    };
  });
}

/** Returns the sources of which a step's states have marks, in any of its shards. */
export function sourcesOf({ stage, incarnations }: World, step: StepPlan): readonly string[] {
  if (step.kind === 'source') return [];
  const stream = stage.streamName(step.input.stream);
  const marked = stage.streams.shards(stream).flatMap(({ id }) => {
    const state = stateOf(stage, step, `${incarnations.get(stream)}/${id}`);
    const ranges = state === undefined ? [] : decodeState(state).marks;
    return ranges.flatMap(({ marks }) => [...marks.keys()]);
  });
  return [...new Set(marked)].toSorted();
}

/** Finds a step's state of a shard: in the sink's own database or in the checkpoint table. */
function stateOf({ dynamodb, tables, names }: World['stage'], step: ReaderPlan, key: string) {
  const name = `${step.pipeline}/${step.name}`;
  const isWithRows = step.kind === 'table' || (step.kind === 'sink' && connectors[step.connector].progress === 'own');
  if (isWithRows) return tables.progress(name, key)?.state;
  return dynamodb.items(names.checkpoints).find((item) => item.step?.S === name && item.key?.S === key)?.state?.S;
}

/** Returns a step's dead letters in the order of its shards, each once. */
export function deadLettersOf({ stage }: World, { pipeline, name }: { pipeline: string; name: string }): DeadLetter[] {
  const objects = stage.s3
    .objects(stage.names.deadLetters)
    .filter(({ key }) => key.startsWith(`dead-letters/${pipeline}/${name}/`));
  const letters = objects.flatMap((object) => {
    const parsed = parseLetterObject(nameIn(object));
    if (parsed === undefined) throw new Error(`what is the object ${object.key} among the dead letters?`);
    return parsed.kind === 'removed'
      ? []
      : readLetterObject(parsed.kind, object.bytes).filter(({ at }) => !isRemoved(at, object, objects));
  });
  const inOrder = letters.toSorted((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
  return inOrder.filter(
    (letter, index) => index === 0 || placeOf(letter) !== placeOf(inOrder[index - 1] as DeadLetter),
  );
}

function placeOf({ shard, at }: DeadLetter): string {
  return `${shard}/${at}`;
}

function nameIn({ key }: StoredObject): string {
  return key.slice(key.lastIndexOf('/') + 1);
}

/** Tells whether an operator has removed a letter from an object since the object was stored. */
function isRemoved(at: string, object: StoredObject, objects: readonly StoredObject[]): boolean {
  return objects.some(
    ({ key, bytes, lastModified }) =>
      key.startsWith(`${object.key}.removed.`) &&
      lastModified >= object.lastModified &&
      (JSON.parse(bytes.toString()) as string[]).includes(at),
  );
}

export interface BucketView {
  keys(): readonly string[];
  /** Returns the decompressed text of an object. */
  text(key: string): string;
  /** Returns the JSON lines of all objects below a prefix, in the order of the keys. */
  rows(prefix?: string): readonly unknown[];
  /** Asks DuckDB about the Parquet files below a prefix: `$files` in the statement stands for their rows. */
  ask(statement: string, prefix?: string): Promise<readonly ParquetRow[]>;
}

export function bucketView({ stage }: World, bucket: string): BucketView {
  const objects = () => stage.s3.objects(bucket);
  return {
    keys: () => objects().map(({ key }) => key),
    text(key) {
      const found = objects().find((object) => object.key === key);
      if (found === undefined)
        throw new Error(
          `the bucket has no '${key}'; it has ${
            objects()
              .map((o) => o.key)
              .join(', ') || 'nothing'
          }`,
        );
      return textOf(found);
    },
    rows: (prefix = '') =>
      objects()
        .filter(({ key }) => key.startsWith(prefix))
        .flatMap((object) => textOf(object).split('\n'))
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as unknown),
    ask(statement, prefix = '') {
      const files = objects().filter(({ key }) => key.startsWith(prefix) && key.endsWith('.parquet'));
      return askParquet(new Map(files.map(({ key, bytes }) => [key, bytes])), statement);
    },
  };
}

function textOf({ key, bytes }: StoredObject): string {
  if (key.endsWith('.gz')) return gunzipSync(bytes).toString();
  if (key.endsWith('.zst')) return zstdDecompressSync(bytes).toString();
  return bytes.toString();
}
