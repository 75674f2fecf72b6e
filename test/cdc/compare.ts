import type pg from 'pg';
import type { PulledEvent } from '../../functions/runtime/source.ts';
import { WHOLE_SPACE } from '../../functions/runtime/time/tick.ts';
import { postgresDefinition } from '../../functions/sinks/postgres/postgres.ts';
import { logOf, sliceOf } from '../contracts/slices.ts';
import type { PostgresServer } from '../kit/servers.ts';
import type { Random } from './statements.ts';

const MOST_PROBLEMS = 10;

/** Compares, key by key, the events with the changes that the triggers wrote down. */
export async function compareWithAudit(
  client: pg.ClientBase,
  events: readonly PulledEvent[],
): Promise<readonly string[]> {
  const { rows } = await client.query<{ change: string; key: string }>('SELECT change, key FROM audit ORDER BY seq');
  const expected = byKey(rows.map(({ change, key }) => [change, key]));
  const found = byKey(events.map(({ type, key }) => [type, key]));
  const problems: string[] = [];
  for (const key of new Set([...expected.keys(), ...found.keys()])) {
    const [wanted, got] = [expected.get(key) ?? [], found.get(key) ?? []];
    if (wanted.join() === got.join()) continue;
    const at = wanted.findIndex((change, index) => change !== got[index]);
    problems.push(
      `${key}: ${wanted.length} changes and ${got.length} events, first different at ${at}: ${wanted[at]} and ${got[at]}`,
    );
  }
  return problems.slice(0, MOST_PROBLEMS);
}

function byKey(changes: readonly (readonly [change: string, key: string])[]): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const [change, key] of changes) {
    const name = `${change.split('.')[0]} ${key}`;
    const list = found.get(name) ?? [];
    list.push(change);
    found.set(name, list);
  }
  return found;
}

const MIRRORED = [
  { table: 'accounts', key: ['id'], columns: 'id, owner, balance, tags, note, at' },
  { table: 'parts', key: ['sku', 'place'], columns: 'sku, place, n, ok' },
];

interface Mirroring {
  readonly server: PostgresServer;
  readonly database: string;
  readonly client: pg.ClientBase;
  readonly random: Random;
}

/** Writes the events with Postgres sinks, in slices of any size, and compares every column of the tables. */
export async function compareWithMirror(
  { server, database, client, random }: Mirroring,
  events: readonly PulledEvent[],
): Promise<readonly string[]> {
  const { host, port, user, password } = server;
  const problems: string[] = [];
  for (const { table, key, columns } of MIRRORED) {
    await client.query(`CREATE TABLE ${table}_copy AS SELECT ${columns} FROM ${table} WITH NO DATA;
      ALTER TABLE ${table}_copy ADD PRIMARY KEY (${key.join()})`);
    const sink = postgresDefinition.open({
      step: `cdc/${table}`,
      options: postgresDefinition.options.parse({ table: `${table}_copy`, key, mode: 'mirror' }),
      resources: postgresDefinition.resources.parse({ host, port, database, user, tls: 'off', auth: { password } }),
    });
    const given = logOf(
      events
        .filter(({ type }) => type.startsWith(`${table}.`))
        .map(({ type, dataBytes, everywhere }) => ({
          type,
          data: undefined,
          json: Buffer.from(dataBytes).toString(),
          ...(everywhere ? { parts: [WHOLE_SPACE] } : {}),
        })),
    );
    for (let start = 0, previous = 0; start < given.length; previous++) {
      const size = 1 + random.below(300);
      const step = `cdc/${table}`;
      const rejections = await sink.write(sliceOf({ events: given.slice(start, start + size), previous, step }));
      problems.push(...rejections.map(({ message }) => `the mirror of ${table} rejects a change: ${message}`));
      start += size;
    }
    const { rows } = await client.query(`
      SELECT 'only in the table' AS which, * FROM (SELECT ${columns} FROM ${table} EXCEPT SELECT ${columns} FROM ${table}_copy) a
      UNION ALL SELECT 'only in the mirror', * FROM (SELECT ${columns} FROM ${table}_copy EXCEPT SELECT ${columns} FROM ${table}) b`);
    problems.push(...rows.map((row) => `${table}: ${JSON.stringify(row).slice(0, 300)}`));
  }
  return problems.slice(0, MOST_PROBLEMS);
}
