import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ordersWithCustomers } from '../../functions/joins/orders-with-customers.sql.ts';
import type { ReceivedEvent } from '../../functions/runtime/event.ts';
import { encodePage, finished } from '../../functions/runtime/outbox/page.ts';
import type { Table } from '../../functions/runtime/table.ts';
import { tableDefinition } from '../../functions/table-state/table-handler.ts';
import { salesByRegion } from '../../functions/tables/sales-by-region.sql.ts';
import { logOf, sliceOf } from '../contracts/slices.ts';
import { type PostgresServer, startPostgres } from '../kit/servers.ts';

/**
 * Checks that the steps of a table and of a join take no more memory for 1,000,000 events than for the first part of
 * them: `node test/bench/tables-memory.ts [events]`. Half of the events meet the same 50,000 rows as the other half.
 */
const EVENTS = Number(process.argv[2] ?? 1_000_000);
const KEYS = 50_000;
const EVENTS_A_SLICE = 25_000;
/** The limit, after a full collection. Keeping ten bytes of each event would take more. */
const MOST_MORE_MIB = 8;
/** The share of the events that goes through while all rows begin and code is compiled. */
const BEGINNING = 0.4;

interface Case {
  readonly name: string;
  readonly step: string;
  readonly table: Table<never>;
  eventsFrom(first: number): readonly ReceivedEvent[];
}

const CASES: readonly Case[] = [
  {
    name: 'a table with a change stream',
    step: 'bench/sales',
    table: salesByRegion,
    eventsFrom: (first) =>
      logOf(
        Array.from({ length: EVENTS_A_SLICE }, (_, i) => {
          const n = ((first + i) * 7_919) % KEYS;
          const data = {
            row_id: first + i,
            region: `Region ${n % 1_000}`,
            category: `Category ${n}`,
            sales: i,
            profit: 1,
          };
          return { key: data.category, type: 'order.completed', data };
        }),
      ),
  },
  {
    name: 'a join of a stream and a table',
    step: 'bench/joined',
    table: ordersWithCustomers.keep,
    eventsFrom: (first) =>
      logOf(
        Array.from({ length: EVENTS_A_SLICE }, (_, i) => {
          const key = `CG-${((first + i) * 7_919) % KEYS}`;
          const order = { 'o.order_id': `CA-${first + i}`, 'o.status': 'COMPLETE', 'o.sales': i };
          const customer = { customer_id: key, name: 'Näme', segment: 'Consumer', city: 'Los Angeles' };
          const isOrder = first + i >= KEYS;
          const data = isOrder ? { side: 'orders', key, row: order } : { side: 'customers', key, row: customer };
          return { key, type: isOrder ? 'order.placed' : 'customer.changed', data };
        }),
      ),
  },
];

/** Prints the memory of each step, and returns whether none takes more for more events. */
async function tablesMemory(): Promise<boolean> {
  await using running = new AsyncDisposableStack();
  const server = await startPostgres();
  running.defer(server.stop);
  let isFlat = true;
  for (const each of CASES) {
    const looks = await memoryOf(each, { server, database: await server.createDatabase() });
    const [early, late] = [Math.floor(looks.length * BEGINNING), looks.length].map((end) =>
      Math.max(...looks.slice(end - Math.ceil(looks.length / 5), end)),
    ) as [number, number];
    console.log(`${each.name}: ${early.toFixed(1)} MiB early, ${late.toFixed(1)} MiB after ${EVENTS} events`);
    if (late > early + MOST_MORE_MIB) isFlat = false;
  }
  return isFlat;
}

/** Returns the memory in use after each slice, in MiB, buffers included. */
async function memoryOf(
  { step, table, eventsFrom }: Case,
  { server, database }: { readonly server: PostgresServer; readonly database: string },
): Promise<readonly number[]> {
  const { host, port, user, password } = server;
  const resources = { host, port, database, user, tls: 'off' as const, auth: { password } };
  const options = { changes: { before: false } };
  const sink = tableDefinition(table).open({ step, formerly: undefined, options, resources });
  const shard = 'stream/shardId-000000000000';
  await sink.loadProgress?.(shard, AbortSignal.timeout(600_000));
  const looks: number[] = [];
  let revision = 0;
  for (let first = 0; first < EVENTS; first += EVENTS_A_SLICE) {
    for (let rest = eventsFrom(first); rest.length > 0; ) {
      let taken = rest.length;
      const slice = sliceOf({
        events: rest,
        step,
        shard,
        previous: revision,
        outbox: (published) => {
          if (published?.upTo !== undefined) taken = rest.findIndex(({ position }) => position === published.upTo) + 1;
          const source = `/${step}/${shard}/1`;
          return { page: encodePage(finished(published?.events ?? [], { source, revision }))?.bytes, closes: [] };
        },
      });
      const rejections = await sink.write(slice);
      if (rejections.length > 0) throw new Error(`rejected: ${rejections[0]?.message}`);
      revision += 1;
      rest = rest.slice(taken);
    }
    collectGarbage();
    const { heapUsed, external } = process.memoryUsage();
    looks.push((heapUsed + external) / 2 ** 20);
  }
  return looks;
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

if (import.meta.main && !(await tablesMemory())) process.exitCode = 1;
