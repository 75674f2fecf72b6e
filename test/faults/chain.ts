import { z } from 'zod';
import { EventRejected } from '../../functions/runtime/errors.ts';
import { type Derived, defineTransform } from '../../functions/runtime/transform.ts';
import { postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { s3Sink } from '../../functions/sinks/s3/s3.ts';
import { httpSource } from '../../functions/sources/http/http.ts';
import { s3FilesSource } from '../../functions/sources/s3-files/s3-files.ts';
import { definePipeline, minutes } from '../../infra/pipelines/pipeline.ts';
import type { PipelineRun } from '../kit/pipeline-run.ts';

export const Item = z.object({ n: z.int32(), key: z.string() });
export type Item = z.infer<typeof Item>;

export function isItem(data: unknown): data is Item {
  return typeof data === 'object' && data !== null && 'n' in data;
}

/** `from` is the item's key; `to` is the key of the row's own event. */
export const Row = z.object({ n: z.int32(), from: z.string(), to: z.string() });
export type Row = z.infer<typeof Row>;

/**
 * Returns the rows of an item that is not rejected: none, or one with the item's key and one with another key. The
 * item's number decides. Changed code chooses another key.
 */
export function doubled({ n, key }: Item, isChanged = false): readonly Row[] {
  if (n % 5 === 4) return [];
  const row = (to: string): Row => ({ n, from: key, to });
  // The second row goes to another shard, so that one batch is appended to several shards.
  return [row(key), row(turnOf(n, isChanged))];
}

/** Returns the other key. Changed code sends an item to another shard, whose readers may have seen higher sequences. */
export function turnOf(n: number, isChanged: boolean): string {
  return TURNS[(isChanged ? n + 1 : n) % TURNS.length] as string;
}

/** Keys whose hashes are in different quarters of the range, so that they go to different shards. */
const TURNS = ['turned-b', 'turned-m', 'turned-x'] as const;

export function isTurned({ to }: Row): boolean {
  return to.startsWith('turned-');
}

/** Tells whether a step rejects an event until it is fixed: by its code, or by a constraint of its table. */
export function isRefused(step: Refusing, data: Item | Row): boolean {
  const { n } = data;
  if (step === 'first') return n % 13 === 12;
  return step === 'second' ? n % 7 === 6 && 'to' in data && isTurned(data) : n % 11 === 10;
}

/** The steps that reject some events, and whose functions die of others before anything is written. */
export const REFUSING = ['first', 'second', 'history', 'latest', 'ledger'] as const;
export type Refusing = (typeof REFUSING)[number];

/** Returns the first of the 10,000 numbers whose events kill a step's function. */
export function firstDeadly(step: Refusing): number {
  return (REFUSING.indexOf(step) + 1) * 10_000;
}

/** Tells whether an event kills a step's function: of an item's two rows only the one with the item's own key does. */
export function isDeadly(step: Refusing, data: Item | Row): boolean {
  const from = firstDeadly(step);
  return data.n >= from && data.n < from + 10_000 && !('to' in data && isTurned(data));
}

const derived = (row: Row): Derived<Row> => ({ type: 'row.made', key: row.to, data: row });

interface Code {
  readonly isChanged?: true;
  /** The code rejects nothing. */
  readonly isFixed?: true;
}

function refuse(step: Refusing, data: Item | Row, { isFixed }: Code): void {
  if (isFixed !== true && isRefused(step, data)) throw new EventRejected('transform', `${data.n} is refused`);
}

const doublingBy = (code: Code) =>
  defineTransform({
    entry: import.meta.url,
    from: Item,
    to: Row,
    apply: ({ data }) => {
      refuse('first', data, code);
      return doubled(data, code.isChanged).map(derived);
    },
  });

/** Passes half of the rows on as unchanged events: the runtime has a path of its own for those. */
const passingBy = (code: Code) =>
  defineTransform({
    entry: import.meta.url,
    from: Row,
    to: Row,
    apply: (event) => {
      const { data: row } = event;
      refuse('second', row, code);
      if (!isTurned(row)) return [event];
      return [derived(code.isChanged ? { ...row, to: turnOf(row.n, true) } : row)];
    },
  });

export const changedTransforms = {
  first: doublingBy({ isChanged: true }),
  second: passingBy({ isChanged: true }),
} as const;
export const fixedTransforms = {
  first: doublingBy({ isFixed: true }),
  second: passingBy({ isFixed: true }),
} as const;

/** A pipeline with every way into and out of the log: both sources, two transforms, and every kind of sink. */
export const chain = definePipeline({
  name: 'chain',
  streams: {
    raw: { schema: Item, shards: 2 },
    mid: { schema: Row, shards: 2 },
    end: { schema: Row, shards: 2 },
  },
  sources: {
    posts: { read: httpSource({ schema: Item, type: 'item.posted', key: 'key' }), to: 'raw' },
    files: { read: s3FilesSource({ schema: Item, format: 'ndjson', type: 'item.read', key: 'key' }), to: 'raw' },
  },
  transforms: {
    first: { from: 'raw', apply: doublingBy({}), to: 'mid' },
    second: { from: 'mid', apply: passingBy({}), to: 'end' },
  },
  sinks: {
    history: { from: 'end', write: postgresSink({ table: 'history', create: true }) },
    latest: { from: 'end', write: postgresSink({ table: 'latest', key: ['from', 'to'], create: true }) },
    ledger: { from: 'end', write: postgresSink({ table: 'ledger', create: true }), every: minutes(3) },
    lake: {
      from: 'end',
      write: s3Sink({ prefix: 'end', by: 'month', targetRows: 4, compression: 'none' }),
      every: minutes(3),
    },
  },
});

export type StreamName = keyof typeof chain.streams;
export type Run = PipelineRun<typeof chain.streams>;
export const TABLES = ['history', 'latest', 'ledger'] as const;
