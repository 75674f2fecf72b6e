import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { type PostgresServer, startPostgres } from '../../../kit/servers.ts';

export let server: PostgresServer;
/** The name of the test's own database. */
export let database: string;
/** The administrator's connection to it. */
export let client: pg.Client;

/** Starts a server for the tests of a file, and gives each test a database of its own. */
export function useFreshDatabases(): void {
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    database = await server.createDatabase();
    client = await server.connect(database);
  });
  afterEach(() => client.end());
}
