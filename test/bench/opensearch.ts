import { openSearchOver, openSearchSink } from '../../functions/sinks/opensearch/opensearch.ts';
import { createSearchIndices } from '../../infra/local/servers/search-indices.ts';
import { textTable } from '../../infra/text-table.ts';
import { logOf, sliceOf } from '../contracts/slices.ts';

/**
 * Counts the requests with which the OpenSearch sink writes 1,000 events of one batch, and their bytes: one, unless
 * the documents have more than 5 MiB.
 */
const EVENTS = 1_000;
const CASES = [
  { keys: 1_000, bytes: 100, most: 1 },
  { keys: 1, bytes: 100, most: 1 },
  { keys: 1_000, bytes: 10_000, most: 2 },
];

async function benchOpenSearch(): Promise<void> {
  const rows: (string | number)[][] = [];
  for (const { keys, bytes, most } of CASES) {
    const { requests, sent } = await written(keys, bytes);
    const isMet = requests <= most;
    if (!isMet) process.exitCode = 1;
    const name = `${EVENTS} events of ${keys} key${keys === 1 ? '' : 's'} and ${bytes} bytes`;
    rows.push([name, requests, `≤ ${most}`, isMet ? 'ok' : 'MISSED', `${(sent / 1e3).toFixed(0)} KB`]);
  }
  console.log(textTable(['requests of the OpenSearch sink', 'ours', 'target', '', 'sent'], rows));
}

async function written(keys: number, bytes: number): Promise<{ readonly requests: number; readonly sent: number }> {
  const indices = createSearchIndices();
  let requests = 0;
  let sent = 0;
  const definition = openSearchOver({
    send: async (_endpoint, { method, path, body = new Uint8Array() }) => {
      requests++;
      sent += body.length;
      return indices.perform({ method, path, body: Buffer.from(body).toString() });
    },
    sleep: async () => undefined,
    random: Math.random,
  });
  const server = 'https://search.example.com';
  const sink = definition.open({
    step: 'bench/sink',
    options: definition.options.parse(openSearchSink({ endpoint: server, index: 'things' }).options),
    resources: { indexPrefix: 'bench-', fields: [], laptop: { server } },
  });
  const text = 'x'.repeat(bytes - 20);
  const events = (count: number) =>
    logOf(Array.from({ length: count }, (_, n) => ({ data: { n, text }, key: `key ${n % keys}` })));
  // The first request of a process also looks at the index.
  await sink.write(sliceOf({ events: events(1) }));
  requests = sent = 0;
  await sink.write(sliceOf({ events: events(EVENTS) }));
  return { requests, sent };
}

await benchOpenSearch();
