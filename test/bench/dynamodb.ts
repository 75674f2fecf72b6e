import { subscribe } from 'node:diagnostics_channel';
import { dynamoDbDefinition, dynamoDbSink } from '../../functions/sinks/dynamodb/dynamodb.ts';
import { startDynamodb } from '../../infra/local/servers/dynamodb-server.ts';
import { textTable } from '../../infra/text-table.ts';
import { logOf, sliceOf } from '../contracts/slices.ts';
import { useEndpoint } from '../contracts/source-harnesses.ts';

/**
 * Counts the requests with which the DynamoDB sink writes 1,000 events, of one batch: as many as the batch has keys. A
 * request is a write of one item, for which AWS bills one unit for each KB.
 */
const EVENTS = 1_000;
const KEYS = [1_000, 100, 1];

async function benchDynamoDb(): Promise<void> {
  const server = await startDynamodb();
  const closeEnvironment = useEndpoint(server.endpoint);
  let requests = 0;
  subscribe('http.client.request.start', () => {
    requests++;
  });
  const rows: (string | number)[][] = [];
  try {
    for (const keys of KEYS) {
      const sink = dynamoDbDefinition.open({
        step: 'bench/sink',
        options: dynamoDbDefinition.options.parse(dynamoDbSink({ table: `t${keys}` }).options),
        resources: { tablePrefix: 'bench-', create: true },
      });
      await sink.write(sliceOf({ events: logOf([{ data: { n: 0 }, key: 'first' }]) }));
      requests = 0;
      const events = logOf(Array.from({ length: EVENTS }, (_, n) => ({ data: { n }, key: `key ${n % keys}` })));
      await sink.write(sliceOf({ events }));
      const isMet = requests <= keys;
      rows.push([`${EVENTS} events of ${keys} keys`, requests, `≤ ${keys}`, isMet ? 'ok' : 'MISSED']);
      if (!isMet) process.exitCode = 1;
    }
  } finally {
    closeEnvironment();
    await server.stop();
  }
  console.log(textTable(['requests of the DynamoDB sink', 'ours', 'target', ''], rows));
}

await benchDynamoDb();
