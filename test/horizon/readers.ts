import type pg from 'pg';
import { z } from 'zod';
import type { PulledSource } from '../../functions/runtime/source.ts';
import type { TablePosition } from '../../functions/sources/postgres-query/position.ts';
import { postgresQueryDefinition, postgresQuerySource } from '../../functions/sources/postgres-query/postgres-query.ts';
import type { ScheduleReader, Taken } from './schedule.ts';

const Item = z.object({ id: z.int(), version: z.int() });

/** The address of a database on this machine. */
export interface Address {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
}

/** Reads with the source itself. What reads the stream drops every event that is not above its source's last one. */
export function sourceReader({ password, ...address }: Address): ScheduleReader {
  const { options } = postgresQuerySource({ table: 'items', schema: Item, type: 'item.changed', key: 'id' });
  const source = postgresQueryDefinition.open({
    step: 'proof/items',
    pipelines: [],
    options: postgresQueryDefinition.options.parse(options),
    resources: postgresQueryDefinition.resources.parse({ ...address, auth: { password }, tls: 'off' }),
  }) as unknown as PulledSource<TablePosition>;
  const taken: Taken[] = [];
  const marks = new Map<number, string>();
  let position: TablePosition | undefined;
  let hasDied = false;

  return {
    taken,
    get isInFlight() {
      return hasDied || position?.window !== undefined;
    },
    async poll({ most, death }) {
      const signal = new AbortController().signal;
      let count = 0;
      for await (const page of source.read(position, { ending: signal, signal, most })) {
        const dies = count++ === death?.page;
        if (dies && death.after === 'read') return;
        const generation = page.generation ?? 0;
        for (const { place, dataBytes } of page.events) {
          if (place <= (marks.get(generation) ?? '')) continue;
          marks.set(generation, place);
          taken.push(JSON.parse(Buffer.from(dataBytes).toString()));
        }
        hasDied = dies && page.events.length > 0;
        if (dies) return;
        position = source.position.parse(JSON.parse(JSON.stringify(page.position)));
      }
    },
  };
}

/** Reads as programs do that ask for higher ids than the last one: what the schedules have to find wrong. */
export function idReader(client: pg.Client): ScheduleReader {
  return naiveReader(client, (last) => `SELECT id, version, id AS place FROM items WHERE id > ${last} ORDER BY id`);
}

/** Reads the rows of all transactions up to the newest one, also of those before which one is open. */
export function newestReader(client: pg.Client): ScheduleReader {
  return naiveReader(
    client,
    (last) =>
      `SELECT id, version, xmin::text::bigint AS place FROM items WHERE xmin::text::bigint > ${last} ORDER BY 3`,
  );
}

function naiveReader(client: pg.Client, statement: (last: bigint) => string): ScheduleReader {
  const taken: Taken[] = [];
  let last = 0n;
  return {
    taken,
    isInFlight: false,
    async poll() {
      const { rows } = await client.query<Taken & { place: string }>(statement(last));
      for (const { id, version, place } of rows) {
        taken.push({ id, version });
        last = BigInt(place);
      }
    },
  };
}
