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

/** `from`: the item's key. `to`: the row's own, as an event. */
export const Row = z.object({ n: z.int32(), from: z.string(), to: z.string() });
export type Row = z.infer<typeof Row>;

/**
 * What becomes of an item that is not refused: by its number, every kind of end that there is. Changed code turns it
 * elsewhere.
 */
export function doubled({ n, key }: Item, isChanged = false): readonly Row[] {
  if (n % 5 === 4) return [];
  const row = (to: string): Row => ({ n, from: key, to });
  // The second one goes to another shard, so that one batch is appended to several.
  return [row(key), row(turnOf(n, isChanged))];
}

/** Where changed code sends it, other code did not: readers may have seen higher sequences there. */
export function turnOf(n: number, isChanged: boolean): string {
  return TURNS[(isChanged ? n + 1 : n) % TURNS.length] as string;
}

/** They hash into different quarters, so that they are in different shards. */
const TURNS = ['turned-b', 'turned-m', 'turned-x'] as const;

export function isTurned({ to }: Row): boolean {
  return to.startsWith('turned-');
}

/** What a step refuses until it is mended: its code, or the constraint of its table. */
export function isRefused(step: Refusing, data: Item | Row): boolean {
  const { n } = data;
  if (step === 'first') return n % 13 === 12;
  return step === 'second' ? n % 7 === 6 && 'to' in data && isTurned(data) : n % 11 === 10;
}

/** Steps that refuse some events, and whose functions die of others, before they have done anything with them. */
export const REFUSING = ['first', 'second', 'history', 'latest', 'ledger'] as const;
export type Refusing = (typeof REFUSING)[number];

/** From here on the numbers of what a step's function dies of. */
export function firstDeadly(step: Refusing): number {
  return (REFUSING.indexOf(step) + 1) * 10_000;
}

/** Of an item one event for each step: as it came, not turned. */
export function isDeadly(step: Refusing, data: Item | Row): boolean {
  const from = firstDeadly(step);
  return data.n >= from && data.n < from + 10_000 && !('to' in data && isTurned(data));
}

const derived = (row: Row): Derived<Row> => ({ type: 'row.made', key: row.to, data: row });

interface Code {
  readonly isChanged?: true;
  /** It refuses nothing. */
  readonly isMended?: true;
}

function refuse(step: Refusing, data: Item | Row, { isMended }: Code): void {
  if (isMended !== true && isRefused(step, data)) throw new EventRejected('transform', `${data.n} is refused`);
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

/** Passes half of them on as they came, which is a way of its own. */
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
export const mendedTransforms = {
  first: doublingBy({ isMended: true }),
  second: passingBy({ isMended: true }),
} as const;

/** Every way into and out of the log: both sources, two hops, and sinks of each kind, continuous and scheduled. */
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
