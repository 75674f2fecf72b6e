import { afterAll, beforeAll } from 'vitest';
import { sqsHarness } from '../examples/sqs-sink/harness.ts';
import { type PostgresServer, startPostgres } from '../kit/servers.ts';
import { sinkCases } from './cases.ts';
import { sinkContract } from './sinks.ts';

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

for (const { name, harness } of Object.values(sinkCases).flat())
  sinkContract(
    name,
    harness(() => server),
  );
sinkContract('sqs, the example of docs/write-a-connector.md', sqsHarness);
