import { afterAll, beforeAll, describe } from 'vitest';
import { z } from 'zod';
import type { PulledSource } from '../../functions/runtime/source.ts';
import { postgresQueryDefinition, postgresQuerySource } from '../../functions/sources/postgres-query/postgres-query.ts';
import { type PostgresServer, startPostgres } from '../kit/servers.ts';
import { pulledSourceContract } from './pulled-sources.ts';

const Numbered = z.object({ n: z.int() });
/** Pages have 20 rows at first, and ten times as many each time. */
const COUNT = 1_500;

/** The ways to read a database. */
const READ = {
  'postgres-query, a table limited by a column': { table: 'numbers', limitedBy: { incrementing: 'n' } },
  'postgres-query, a query': { query: 'SELECT n FROM numbers', incrementing: 'n' },
} as const;

/** Checks the contract against a real server, which all cases share. */
export function postgresQueryContract(): void {
  describe('a source that reads Postgres', () => {
    let server: PostgresServer;
    let database: string;
    beforeAll(async () => {
      server = await startPostgres();
      database = await server.createDatabase();
      const client = await server.connect(database);
      await client.query(
        `CREATE TABLE numbers (n int PRIMARY KEY); INSERT INTO numbers SELECT generate_series(1, ${COUNT})`,
      );
      await client.end();
    });
    afterAll(() => server.stop());

    for (const [name, read] of Object.entries(READ)) {
      const { options } = postgresQuerySource({ ...read, schema: Numbered, type: 'number.read', key: 'n' });
      pulledSourceContract(name, {
        count: COUNT,
        async open() {
          const { host, port, user, password } = server;
          const resources = { host, port, database, user, auth: { password }, tls: 'off' };
          return {
            source: () =>
              postgresQueryDefinition.open({
                step: 'pipeline/step',
                pipelines: ['pipeline'],
                options: postgresQueryDefinition.options.parse(JSON.parse(JSON.stringify(options))),
                resources: postgresQueryDefinition.resources.parse(resources),
              }) as PulledSource<unknown>,
            strange: { place: 'elsewhere' },
            close: async () => undefined,
          };
        },
      });
    }
  });
}
