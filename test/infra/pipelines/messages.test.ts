import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../../..');

const BEFORE = `
import { z } from 'zod';
import { defineTable } from '../../functions/runtime/table.ts';
import { defineTransform } from '../../functions/runtime/transform.ts';
import { postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { s3Sink } from '../../functions/sinks/s3/s3.ts';
import { httpSource } from '../../functions/sources/http/http.ts';
import { cleanReadings } from '../../functions/transforms/clean-readings.sql.ts';
import { RawReading } from '../../functions/transforms/readings.ts';
import { definePipeline, minutes } from '../../infra/pipelines/pipeline.ts';

const Line = z.object({ id: z.string(), total: z.number() });
const Order = z.object({ id: z.string(), total: z.number(), state: z.string() });
const streams = {
  lines: { schema: Line }, orders: { schema: Order }, raw: { schema: RawReading }, clean: { schema: cleanReadings.to },
  changes: { schema: Order.extend({ before: Order.nullable() }) },
};
const lineOfOrder = defineTransform({ entry: '', from: Order, to: Line, apply: ({ data }) => [{ type: 'a', data }] });
const kept = defineTable({ entry: '', from: Order, row: Order, key: ['id'], reduce: (_, { data }) => data });
const http = () => httpSource({ schema: Line, type: 'line.sent', key: 'id' });
const lake = () => s3Sink({ prefix: 'a' });
`;

/** Parts of a pipeline, and what the compiler says about each; … stands for anything. */
const MISTAKES: readonly (readonly [what: string, part: string, says: string])[] = [
  [
    'a wrong stream of a transform',
    `transforms: { a: { from: 'order', apply: lineOfOrder, to: 'lines' } }`,
    `Type '"order"' is not assignable to type '"changes" | "clean" | "lines" | "orders" | "raw"'. Did you mean '"orders"'?`,
  ],
  [
    'a wrong stream that a transform writes',
    `transforms: { a: { from: 'orders', apply: lineOfOrder, to: 'line' } }`,
    `Type '"line"' is not assignable to type '"changes" | "clean" | "lines" | "orders" | "raw"'. Did you mean '"lines"'?`,
  ],
  [
    'a wrong stream of a sink',
    `sinks: { a: { from: 'order', write: lake(), every: minutes(5) } }`,
    `Type '"order"' is not assignable to type '"changes" | "clean" | "lines" | "orders" | "raw"'. Did you mean '"orders"'?`,
  ],
  [
    'a wrong stream of a table',
    `tables: { a: { from: 'order', keep: kept } }`,
    `Type '"order"' is not assignable to type '"changes" | "clean" | "lines" | "orders" | "raw"'. Did you mean '"orders"'?`,
  ],
  [
    'a table that reads a field which the stream does not have',
    `tables: { a: { from: 'lines', keep: kept } }`,
    `is not assignable to type '"stream 'lines' does not have the field 'state' as the table reads it"'.`,
  ],
  [
    'a table whose key only another stream has',
    `tables: { a: { from: 'raw', keep: kept } }`,
    `is not assignable to type '"stream 'raw' declares no field 'id'"'.`,
  ],
  [
    'a change stream that is not there',
    `tables: { a: { from: 'orders', keep: kept, changes: 'order' } }`,
    `Type '"order"' is not assignable to type '"changes" | "clean" | "lines" | "orders" | "raw"'. Did you mean '"orders"'?`,
  ],
  [
    'a change stream that does not take the rows',
    `tables: { a: { from: 'orders', keep: kept, changes: 'clean' } }`,
    `is not assignable to type '"its changes do not have the field '`,
  ],
  [
    'a change stream that declares the row as it was, of a table that does not publish it',
    `tables: { a: { from: 'orders', keep: kept, changes: { to: 'changes' } } }`,
    `is not assignable to type '"its changes do not have the field 'before' as stream 'changes' declares it"'.`,
  ],
  [
    'a misspelt property of a table',
    `tables: { a: { from: 'orders', keep: kept, fanout: true } }`,
    `Object literal may only specify known properties, but 'fanout' does not exist in type … Did you mean to write 'fanOut'?`,
  ],
  [
    'a wrong stream of a source',
    `sources: { a: { read: http(), to: 'line' } }`,
    `Type '"line"' is not assignable to type '"changes" | "clean" | "lines" | "orders" | "raw"'. Did you mean '"lines"'?`,
  ],
  [
    'a wrong sink key',
    `sinks: { a: { from: 'orders', write: postgresSink({ table: 't', key: ['idd'] }) } }`,
    `is not assignable to type '"stream 'orders' declares no field 'idd'"'.`,
  ],
  [
    'a sink key that only another stream has',
    `sinks: { a: { from: 'lines', write: postgresSink({ table: 't', key: ['id', 'state'] }) } }`,
    `is not assignable to type '"stream 'lines' declares no field 'state'"'.`,
  ],
  [
    'a mirror without a key',
    `sinks: { a: { from: 'orders', write: postgresSink({ table: 't', mode: 'mirror' }) } }`,
    `Type '"mirror"' is not assignable to type '"a mirror needs 'key', the columns of a row's key" | "rows"'.`,
  ],
  [
    'a misspelt option of a Postgres sink',
    `sinks: { a: { from: 'orders', write: postgresSink({ table: 't', keys: ['id'] }) } }`,
    `Object literal may only specify known properties, but 'keys' does not exist in type 'PostgresOptions<never>'. Did you mean to write 'key'?`,
  ],
  [
    'a field of an S3 sink that the stream does not have',
    `sinks: { a: { from: 'lines', write: s3Sink({ prefix: 'a', fields: ['state'] }), every: minutes(5) } }`,
    `is not assignable to type '"stream 'lines' declares no field 'state'"'.`,
  ],
  [
    'a missing every',
    `sinks: { a: { from: 'orders', write: lake() } }`,
    `Property 'every' is missing in type … but required in type 'ScheduledSinkStep'.`,
  ],
  [
    'a misspelt property',
    `sinks: { a: { from: 'orders', write: postgresSink({ table: 't' }), evry: minutes(5) } }`,
    `Object literal may only specify known properties, but 'evry' does not exist in type … Did you mean to write 'every'?`,
  ],
  [
    "a source's events without a field of the stream",
    `sources: { a: { read: http(), to: 'orders' } }`,
    `is not assignable to type '"its events do not have the field 'state' as stream 'orders' declares it"'.`,
  ],
  [
    'outputs without a field of the stream',
    `transforms: { a: { from: 'orders', apply: lineOfOrder, to: 'orders' } }`,
    `is not assignable to type '"its outputs do not have the field 'state' as stream 'orders' declares it"'.`,
  ],
  [
    'a transform that reads a field which the stream does not have',
    `transforms: { a: { from: 'lines', apply: lineOfOrder, to: 'lines' } }`,
    `is not assignable to type '"stream 'lines' does not have the field 'state' as the transform reads it"'.`,
  ],
  [
    'SQL that reads another stream',
    `transforms: { a: { from: 'lines', apply: cleanReadings, to: 'clean' } }`,
    `is not assignable to type '"its SQL says FROM raw, but the step reads stream 'lines'"'.`,
  ],
  [
    'SQL that writes another stream',
    `transforms: { a: { from: 'raw', apply: cleanReadings, to: 'orders' } }`,
    `is not assignable to type '"its SQL says CREATE STREAM clean, but the step writes stream 'orders'"'.`,
  ],
];

test('the compiler says in one line why a step does not fit', () => {
  const folder = mkdtempSync(join(root, 'test', '.messages-'));
  try {
    const lines = MISTAKES.map(([, part]) => `definePipeline({ name: 'p', streams, ${part} });`);
    writeFileSync(join(folder, 'mistakes.ts'), `${BEFORE.trim()}\n${lines.join('\n')}\n`);
    const config = { extends: join(root, 'tsconfig.json'), include: ['*.ts'], exclude: [] };
    const compilerOptions = { types: ['node'], typeRoots: [join(root, 'node_modules/@types')] };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ ...config, compilerOptions }));
    const { stdout } = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', folder], { encoding: 'utf8' });
    const said = stdout.trimEnd().split('\n');
    const first = BEFORE.trim().split('\n').length + 1;
    for (const [index, [what, , says]] of MISTAKES.entries()) {
      const [message, ...more] = said.filter((line) => line.includes(`mistakes.ts(${first + index},`));
      expect(more, what).toEqual([]);
      for (const part of says.split(' … ')) expect(message, what).toContain(part);
    }
    // A second line of a message has no position.
    expect(said).toHaveLength(MISTAKES.length);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
