import { afterAll, beforeAll } from 'vitest';
import { type PostgresServer, startPostgres } from '../../../kit/servers.ts';

/** One server for all suites of this folder: to start one takes as long as all of their tests. */
export let server: PostgresServer;

export function useServer(): void {
  beforeAll(async () => {
    server = await startPostgres({ flags: ['-c', 'max_replication_slots=100'] });
  });
  afterAll(() => server?.stop());
}
