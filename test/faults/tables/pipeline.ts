import { z } from 'zod';
import { EventRejected } from '../../../functions/runtime/errors.ts';
import { defineTable } from '../../../functions/runtime/table.ts';
import { defineTransform } from '../../../functions/runtime/transform.ts';
import { postgresSink } from '../../../functions/sinks/postgres/postgres.ts';
import { s3Sink } from '../../../functions/sinks/s3/s3.ts';
import { httpSource } from '../../../functions/sources/http/http.ts';
import { definePipeline, minutes } from '../../../infra/pipelines/pipeline.ts';
import type { PipelineRun } from '../../kit/pipeline-run.ts';

export const Item = z.object({ n: z.int32(), key: z.string(), value: z.int32() });
export type Item = z.infer<typeof Item>;

export const Sum = z.object({ key: z.string(), sum: z.int32(), last: z.int32() });
export type Sum = z.infer<typeof Sum>;

const SumChange = Sum.extend({ before: Sum.nullable() });
const Delta = z.object({ group: z.string(), sum: z.int32(), rows: z.int32() });
export type Group = z.infer<typeof Delta>;

/** Tells whether the transform rejects an item, which never reaches the table. */
export function isRefused({ n }: Item): boolean {
  return n % 13 === 12;
}

const checking = defineTransform({
  entry: import.meta.url,
  from: Item,
  to: Item,
  apply: (event) => {
    if (isRefused(event.data)) throw new EventRejected('transform', `${event.data.n} is refused`);
    return [event];
  },
});

/** Makes the row of a key after an item: its sum, which deletes the row when nothing is left. */
export function summed(row: Sum | undefined, { key, n, value }: Item): Sum | undefined {
  const sum = (row?.sum ?? 0) + value;
  return sum > 0 ? { key, sum, last: n } : undefined;
}

const sums = defineTable({
  entry: import.meta.url,
  from: Item,
  row: Sum,
  key: ['key'],
  reduce: (row, { data }) => summed(row, data),
});

export function groupOf({ last }: Pick<Sum, 'last'>): string {
  return `group-${last % 3}`;
}

/** Gives each change the key of its group: what the row had goes away, and what it has comes. */
const regrouping = defineTransform({
  entry: import.meta.url,
  from: SumChange,
  to: Delta,
  apply: ({ type, data }) => {
    const { before } = data;
    const gone = before === null ? [] : [{ group: groupOf(before), sum: -before.sum, rows: -1 }];
    const come = type === 'sums.deleted' ? [] : [{ group: groupOf(data), sum: data.sum, rows: 1 }];
    return [...gone, ...come].map((delta) => ({ type: 'group.changed', key: delta.group, data: delta }));
  },
});

const groups = defineTable({
  entry: import.meta.url,
  from: Delta,
  row: Delta,
  key: ['group'],
  reduce: (row, { data: { group, sum, rows } }) => {
    const next = { group, sum: (row?.sum ?? 0) + sum, rows: (row?.rows ?? 0) + rows };
    return next.rows === 0 && next.sum === 0 ? undefined : next;
  },
});

/** A chain of tables: one of sums, and one of the groups of its changes, each with readers of its changes. */
export const tables = definePipeline({
  name: 'tables',
  streams: {
    raw: { schema: Item, shards: 2 },
    clean: { schema: Item, shards: 2 },
    changes: { schema: SumChange, shards: 2 },
    deltas: { schema: Delta, shards: 2 },
    group_changes: { schema: Delta },
  },
  sources: { posts: { read: httpSource({ schema: Item, type: 'item.posted', key: 'key' }), to: 'raw' } },
  transforms: {
    checking: { from: 'raw', apply: checking, to: 'clean' },
    regrouping: { from: 'changes', apply: regrouping, to: 'deltas' },
  },
  tables: {
    sums: { from: 'clean', keep: sums, changes: { to: 'changes', before: true } },
    groups: { from: 'deltas', keep: groups, changes: 'group_changes' },
  },
  sinks: {
    copy: { from: 'changes', write: postgresSink({ table: 'copy', key: ['key'], mode: 'mirror' }) },
    history: {
      from: 'changes',
      write: s3Sink({ prefix: 'changes', targetRows: 4, compression: 'none' }),
      every: minutes(3),
    },
    mirror: { from: 'group_changes', write: postgresSink({ table: 'mirror', key: ['group'], mode: 'mirror' }) },
  },
});

export type TableStream = keyof typeof tables.streams;
export type TablesRun = PipelineRun<typeof tables.streams>;
