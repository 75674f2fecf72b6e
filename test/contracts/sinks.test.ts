import { afterAll, beforeAll } from 'vitest';
import { type PostgresServer, startPostgres } from '../kit/servers.ts';
import { postgresHarness, s3Harness } from './sink-harnesses.ts';
import { sinkContract } from './sinks.ts';

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

sinkContract('s3', s3Harness);
sinkContract(
  'postgres, appending',
  postgresHarness({}, () => server),
);
sinkContract(
  'postgres, upserting',
  postgresHarness({ key: 'n' }, () => server),
);
sinkContract(
  'postgres, mirroring',
  postgresHarness({ key: 'n', mode: 'mirror' }, () => server),
);
