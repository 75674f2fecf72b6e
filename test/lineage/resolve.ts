import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import pg from 'pg';
import { quoted, quotedTable } from '../../functions/sinks/postgres/names.ts';
import { postgresDefinition } from '../../functions/sinks/postgres/postgres.ts';
import { placesOf } from '../../functions/table-state/places.ts';
import type { Local } from '../../infra/local/start.ts';
import { localServers } from '../../infra/local/target.ts';
import { pipelineFinder } from '../../infra/operation/find-step.ts';
import { type Link, traceBack } from '../../infra/operation/lineage/trace-back.ts';
import type { Tracing } from '../../infra/operation/lineage/tracing.ts';
import { whyObject } from '../../infra/operation/lineage/why-object.ts';
import { whyRow } from '../../infra/operation/lineage/why-row.ts';
import { whyTableRow } from '../../infra/operation/lineage/why-table-row.ts';
import type { Pipeline } from '../../infra/pipelines/pipeline.ts';
import type { SinkPlan, TablePlan } from '../../infra/pipelines/plan.ts';
import { s3PrefixOf } from '../../infra/sinks/s3.ts';

/** What became of the rows or objects of one step. */
export interface Resolved {
  readonly step: string;
  readonly found: number;
  readonly asked: number;
  /** What does not resolve, and why. */
  readonly faults: readonly string[];
}

/**
 * Asks for each row and each object of running pipelines why it is there: at most so many of each step, spread over all
 * of them. A row resolves when its events lead to where they came in, and every step on the way makes the same again.
 */
export async function resolveAll(
  { servers, stage }: Local,
  pipelines: readonly Pipeline[],
  most: number,
): Promise<readonly Resolved[]> {
  const { database } = stage.resources;
  const client = new pg.Client({ ...database, database: database.name });
  await client.connect();
  const target = { ...localServers(servers, database), catalogOf: stage.catalogOf };
  const find = pipelineFinder(pipelines, { pipelines: undefined, title: 'here' });
  const asking: Asking = {
    client,
    most,
    tracing: { find, target, signal: new AbortController().signal, throughTables: true },
  };
  const resolved: Resolved[] = [];
  try {
    for (const step of find.plans().flatMap(({ steps }) => steps)) {
      if (step.kind === 'table') resolved.push(await rowsOfTable(step, asking));
      if (step.kind === 'sink' && step.connector === 'postgres') resolved.push(await rowsOfSink(step, asking));
      if (step.kind === 'sink' && step.connector === 's3') resolved.push(await objectsOf(step, asking));
    }
    return resolved;
  } finally {
    await client.end();
    for (const one of Object.values(target.clients)) one.destroy();
  }
}

interface Asking {
  readonly client: pg.Client;
  readonly most: number;
  readonly tracing: Tracing;
}

function rowsOfSink(step: SinkPlan, { client, most, tracing }: Asking): Promise<Resolved> {
  const { table, key = [] } = postgresDefinition.options.parse(step.options);
  const keys = keysIn(client, quotedTable(table), key);
  return each(step, { all: keys, most }, async (words) => {
    const reason = await whyRow(step, words, tracing);
    if (reason.how !== 'noted') return `found by '${reason.how}'`;
    return faultIn(await traceBack(reason.event, tracing));
  });
}

function rowsOfTable(step: TablePlan, { client, most, tracing }: Asking): Promise<Resolved> {
  const table = tracing.find.tables(step.pipeline)[step.name]?.keep;
  const keys = keysIn(client, placesOf(`${step.pipeline}/${step.name}`).view, table?.key ?? []);
  return each(step, { all: keys, most }, async (words) => {
    const { madeOf, verdict } = await whyTableRow(step, words, tracing);
    if (verdict.is !== 'same') return `${verdict.is}: ${verdict.why}`;
    const [last] = madeOf.events.slice(-1);
    return last === undefined ? 'no event' : faultIn(await traceBack(last, tracing));
  });
}

function objectsOf(step: SinkPlan, { most, tracing }: Asking): Promise<Resolved> {
  const { s3 } = tracing.target.clients;
  const list = new ListObjectsV2Command({
    Bucket: tracing.target.names.lake,
    Prefix: `${s3PrefixOf(step.options)}/`,
  });
  const keys = s3.send(list).then(({ Contents = [] }) => Contents.map(({ Key = '' }) => [Key]));
  return each(step, { all: keys, most }, async ([key = '']) => {
    const { events, verdict } = await whyObject(step, key, tracing);
    if (verdict.is !== 'same') return `${verdict.is}: ${verdict.why}`;
    const [first] = events;
    return first === undefined ? 'no event' : faultIn(await traceBack(first, tracing));
  });
}

async function keysIn(client: pg.Client, from: string, key: readonly string[]): Promise<readonly string[][]> {
  const columns = key.map((column) => `${quoted(column)}::text`).join(', ');
  const { rows } = await client.query<string[]>({
    text: `SELECT ${columns} FROM ${from} ORDER BY 1`,
    rowMode: 'array',
  });
  return rows;
}

async function each(
  { pipeline, name }: SinkPlan | TablePlan,
  { all, most }: { readonly all: Promise<readonly string[][]>; readonly most: number },
  faultOf: (words: readonly string[]) => Promise<string | undefined>,
): Promise<Resolved> {
  const found = await all;
  const every = Math.max(1, Math.floor(found.length / most));
  const asked = found.filter((_, index) => index % every === 0).slice(0, most);
  const faults: string[] = [];
  for (const words of asked) {
    const fault = await faultOf(words);
    if (fault !== undefined) faults.push(`${words.join(' ')}: ${fault}`);
  }
  return { step: `${pipeline}/${name}`, found: found.length, asked: asked.length, faults };
}

/** Returns what is wrong with the way back of an event. Undefined: it leads to where the event came in. */
function faultIn(links: readonly Link[]): string | undefined {
  const bad = links.find(({ verdict }) => verdict !== undefined && verdict.is !== 'same');
  if (bad?.verdict !== undefined && bad.verdict.is !== 'same') return `${bad.verdict.is}: ${bad.verdict.why}`;
  const kind = links.at(-1)?.origin.kind;
  return kind === 'source' || kind === 'elsewhere' ? undefined : `the way ends at a ${kind}`;
}
