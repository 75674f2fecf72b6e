import { afterEach, expect, test } from 'vitest';
import { openSearchOver, openSearchSink } from '../../../../functions/sinks/opensearch/opensearch.ts';
import { createSearchIndices } from '../../../../infra/local/servers/search-indices.ts';
import { type Given, logOf, sliceOf } from '../../../contracts/slices.ts';
import { WITHOUT_WAITING } from '../../../kit/search-server.ts';
import { startReceiver } from '../../../kit/webhook-server.ts';

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
});

interface Asked {
  readonly path: string;
  readonly text: string;
}

/** Answers in place of the server, unless it returns undefined. */
type Interfering = (asked: Asked) => { readonly status: number; readonly body?: string } | undefined;

/** Opens a sink in front of a server that something may be wrong with. */
async function sinkBefore(interfering: Interfering) {
  const indices = createSearchIndices();
  const receiver = await startReceiver((request) => {
    const found = interfering(request);
    if (found !== undefined) return found;
    const method = request.text === '' ? 'GET' : request.path.includes('/_') ? 'POST' : 'PUT';
    const { status, text: body } = indices.perform({ method, path: request.path, body: request.text });
    return { status, body };
  });
  running.push(receiver);
  const definition = openSearchOver(WITHOUT_WAITING);
  const { options } = openSearchSink({ endpoint: receiver.url, index: 'things' });
  const sink = definition.open({
    step: 'p/step',
    options: definition.options.parse(options),
    resources: { indexPrefix: 'test-', fields: [], laptop: { server: receiver.url } },
  });
  return {
    receiver,
    write: (events: readonly Given[]) => sink.write(sliceOf({ events: logOf(events) })),
    ids: () => [...indices.documents('test-things').keys()].filter((id) => id !== 'millrace-step'),
    /** The bulk requests with documents of events. */
    bulks: () => receiver.requests.filter(({ text }) => text.includes('"n":')).map(({ text }) => text),
  };
}

const of = (n: number, more: object = {}): Given => ({ data: { n, ...more }, key: `k${n}` });
const isDocuments = ({ text }: Asked): boolean => text.includes('"n":');

test.each([429, 503, 502, 408])('a server that answers %i gets the request again', async (status) => {
  let times = 0;
  const { write, ids } = await sinkBefore((asked) =>
    isDocuments(asked) && ++times <= 3 ? { status, body: 'no time' } : undefined,
  );
  expect(await write([of(1), of(2)])).toEqual([]);
  expect([times, ids()]).toEqual([4, ['k1', 'k2']]);
});

test('a server that has no time for a document gets this one again, and no other', async () => {
  let times = 0;
  const { write, bulks } = await sinkBefore((asked) => {
    if (!isDocuments(asked) || ++times > 1) return undefined;
    const items = [201, 429, 201].map((status) => ({ index: { status, error: { type: 'es_rejected_execution' } } }));
    return { status: 200, body: JSON.stringify({ items }) };
  });
  expect(await write([of(1), of(2), of(3)])).toEqual([]);
  expect(bulks()[1]?.match(/"n":\d/g)).toEqual(['"n":2']);
});

test('a server that never has time makes the step wait, and no dead letter', async () => {
  const { write, bulks } = await sinkBefore((asked) => (isDocuments(asked) ? { status: 503 } : undefined));
  await expect(write([of(1)])).rejects.toThrow(/^http:\/\/127\.0\.0\.1:\d+ answered 503 \(attempt 5\)$/);
  expect(bulks()).toHaveLength(5);
});

test('an endpoint that is away makes the step wait', async () => {
  const { write, receiver } = await sinkBefore(() => undefined);
  await receiver.stop();
  await expect(write([of(1)])).rejects.toThrow(/ is not reached: ECONNREFUSED \(attempt 5\)$/);
});

test.each([401, 403])('a login that the server answers with %i is refused when the sink opens', async (status) => {
  const { write, receiver } = await sinkBefore(() => ({ status, body: 'Unauthorized' }));
  await expect(write([of(1)])).rejects.toThrow(`answered ${status}: on a laptop requests are not signed`);
  expect(receiver.requests).toHaveLength(1);
});

test.each([
  { what: 'a page', body: '<html>Welcome</html>', text: 'answered 200 with what is no JSON' },
  { what: 'JSON of something else', body: '{"items":[{"index":"done"}]}', text: 'with what is no list of results' },
  { what: 'too few results', body: '{"items":[]}', text: 'answered for 0 of 1 documents' },
])('an answer that is $what makes the step wait, and no dead letter', async ({ body, text }) => {
  const { write } = await sinkBefore((asked) => (isDocuments(asked) ? { status: 200, body } : undefined));
  await expect(write([of(1)])).rejects.toThrow(text);
});

test('an answer about the index that is something else makes the step wait', async () => {
  const { write } = await sinkBefore(() => ({ status: 200, body: '[1]' }));
  await expect(write([of(1)])).rejects.toThrow('with what OpenSearch does not answer');
});

test('a document that the server refuses for what is not in it makes the step wait', async () => {
  const items = [{ index: { status: 403, error: { type: 'cluster_block_exception', reason: 'of a secret' } } }];
  const { write } = await sinkBefore((asked) =>
    isDocuments(asked) ? { status: 200, body: JSON.stringify({ items }) } : undefined,
  );
  await expect(write([of(1)])).rejects.toThrow(
    /answered 403 for a document of test-things \(cluster_block_exception\)$/,
  );
});

test('a redirect is not followed', async () => {
  const { write } = await sinkBefore(() => ({ status: 301 }));
  await expect(write([of(1)])).rejects.toThrow('answered 301: redirects are not followed; use the final endpoint');
});

test('a request that is too large is sent in halves, and a document that is too large is a dead letter', async () => {
  const { write, ids } = await sinkBefore((asked) => (asked.text.length > 900 ? { status: 413, body: '' } : undefined));
  const events = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => of(n, n === 3 ? { text: 'x'.repeat(2_000) } : {}));
  expect(await write(events)).toMatchObject([
    { event: { id: 'event-2' }, message: expect.stringMatching(/^OpenSearch takes no document of 20\d\d bytes$/) },
  ]);
  expect(ids().toSorted()).toEqual(['k1', 'k2', 'k4', 'k5', 'k6', 'k7', 'k8']);
});

test('requests are bounded by their bytes, and a thousand events are one request', async () => {
  const small = await sinkBefore(() => undefined);
  await small.write(Array.from({ length: 1_000 }, (_, n) => of(n)));
  expect(small.bulks()).toHaveLength(1);
  const large = await sinkBefore(() => undefined);
  await large.write(Array.from({ length: 12 }, (_, n) => of(n, { text: 'x'.repeat(1024 ** 2 - 100) })));
  expect(large.bulks().every((text) => text.length <= 5 * 1024 ** 2)).toBe(true);
  expect(large.bulks()).toHaveLength(3);
});
