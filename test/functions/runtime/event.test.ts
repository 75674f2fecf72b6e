import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { EventRejected } from '../../../functions/runtime/errors.ts';
import { keyFault, type ReceivedEvent } from '../../../functions/runtime/event.ts';
import { keyFrom } from '../../../functions/runtime/json/event-fields.ts';
import { runnerOf } from '../../../functions/runtime/sql/sql-transform.ts';
import { defineTransform, type Transform } from '../../../functions/runtime/transform.ts';
import { httpDefinition, httpSource } from '../../../functions/sources/http/http.ts';
import { rowEvents } from '../../../functions/sources/s3-files/row-events.ts';
import { planFor } from '../../../infra/sql/compile.ts';
import { statementOf } from '../../../infra/sql/emit/statement-of.ts';
import { lineRunner } from '../../../infra/sql/run/lines.ts';
import { openSource } from '../../contracts/source-harnesses.ts';
import { noDeadline } from '../../eventually.ts';
import { oddly } from '../../infra/sql/run-event.ts';
import { aggregateOf, decode, decodeOne } from './record-codec/given.ts';

/** Beyond the basic plane: one character, two units of UTF-16, four bytes of UTF-8. */
const EMOJI = '🌡';
const Data = z.object({ k: z.string() });
const PARTITION_BY = { file: 'keys.sql', text: 'SELECT k FROM keys PARTITION BY k' };

/** Takes a text as the key of an event: gives the key, or throws `EventRejected`. */
type Entrance = (text: string) => string | Promise<string>;

const source = openSource(httpDefinition, httpSource({ schema: Data, type: 'key.sent', key: 'k' }).options);

async function post(body: object, headers: Record<string, string>): Promise<string> {
  const requestContext = { http: { method: 'POST' }, timeEpoch: 0 };
  const sent = { headers, requestContext, body: JSON.stringify(body), isBase64Encoded: false };
  const { events, reply } = await source.receive(sent, noDeadline());
  const [event] = events;
  if (event !== undefined) return event.key;
  throw new EventRejected('schema', reply({ outcome: 'appended', count: 0 }).body);
}

const cloudEvent = (key: object) => ({ specversion: '1.0', id: 'i', source: 's', type: 't', ...key, data: { k: '' } });
const cloudEvents = { 'content-type': 'application/cloudevents+json' };

const filesRow = rowEvents<string>(
  {
    object: { bucket: 'b', key: 'keys.ndjson', etag: 'e', versionId: undefined } as never,
    lastModified: new Date(0),
    fields: { type: 'key.imported', key: 'k' },
    check: () => undefined,
  },
  (_, json) => ({ value: JSON.parse(json), bytes: Buffer.from(json) }),
);

const transform = defineTransform({
  entry: import.meta.url,
  from: Data,
  to: Data,
  apply: ({ data }) => [{ type: 'key.made', key: data.k, data }],
});

const received = (dataBytes: Buffer): ReceivedEvent =>
  ({ ...ATTRIBUTES, data: JSON.parse(dataBytes.toString()), dataBytes }) as unknown as ReceivedEvent;
const ATTRIBUTES = { id: 'i', source: 's', type: 't', time: '2026-01-01T00:00:00Z', key: 'other' };
const dataOf = (text: string): string => JSON.stringify({ k: text });

function outputKey(run: Transform['run'], json: string): string {
  const [output] = run(received(Buffer.from(json)));
  if (output === undefined) throw new Error('no output');
  return output.key;
}

function decodedKey(bytes: Buffer | string): string {
  const entry = decodeOne(bytes);
  if ('event' in entry) return entry.event.key;
  throw new EventRejected(entry.rejection.reason, entry.rejection.message);
}

describe('a key has 1 to 256 characters, and one beyond the basic plane counts once,', () => {
  let compiled: Transform['run'];
  let lines: ReturnType<typeof lineRunner>;
  beforeAll(async () => {
    const plan = await planFor(PARTITION_BY, Data);
    compiled = runnerOf(statementOf(plan));
    lines = lineRunner(plan);
  });

  const ENTRANCES: readonly [string, Entrance][] = [
    ['in a field of an HTTP request', (text) => post({ k: text }, { 'content-type': 'application/json' })],
    [
      'in the partitionkey of a CloudEvent that is posted',
      (text) => post(cloudEvent({ partitionkey: text }), cloudEvents),
    ],
    ['in the id of a posted CloudEvent that has no other key', (text) => post(cloudEvent({ id: text }), cloudEvents)],
    [
      'in a header of a CloudEvent in binary mode',
      (text) =>
        post(
          { k: '' },
          {
            'content-type': 'application/json',
            'ce-specversion': '1.0',
            'ce-id': 'i',
            'ce-source': 's',
            'ce-type': 't',
            'ce-partitionkey': encodeURIComponent(text),
          },
        ),
    ],
    ['in a field of the data', (text) => keyFrom({ value: { k: text }, bytes: Buffer.from(dataOf(text)) }, 'k') ?? ''],
    [
      'in a row of a file',
      (text) => {
        const result = filesRow({
          content: dataOf(text),
          at: { offset: 0, line: 1 },
          block: Buffer.from(dataOf(text)),
          start: 0,
        } as never);
        if ('event' in result) return result.event.key;
        throw new EventRejected(result.rejection.reason, result.rejection.message);
      },
    ],
    ['in an output of a transform', (text) => outputKey((event) => transform.run(event), dataOf(text))],
    ['in PARTITION BY, when the scanner reads the event', (text) => outputKey(compiled, dataOf(text))],
    ['in PARTITION BY, when JSON.parse reads the event', (text) => outputKey(compiled, oddly(dataOf(text)))],
    [
      'in PARTITION BY, when a file is run',
      (text) => {
        const { rejections } = lines(Buffer.from(`${dataOf(text)}\n`));
        if (rejections[0] !== undefined) throw new EventRejected('transform', rejections[0].reason);
        return text;
      },
    ],
    ['in an event as our writers order it', (text) => decodedKey(fixedOrder(text))],
    ['in an event in another order', (text) => decodedKey(JSON.stringify(cloudEvent({ partitionkey: text })))],
    [
      'in the table of an aggregated record',
      (text) => {
        const [entry] = decode(aggregateOf([[text, '{"foreign":1}']])).entries;
        if (entry !== undefined && 'event' in entry) return entry.event.key;
        throw new EventRejected('undecodable', entry?.rejection.message ?? 'no entry');
      },
    ],
  ];

  test.each(ENTRANCES)('%s', async (_, take) => {
    for (const text of ['k', 'k'.repeat(256), 'é'.repeat(256), EMOJI.repeat(256)]) expect(await take(text)).toBe(text);
    for (const text of ['k'.repeat(257), `${EMOJI.repeat(256)}k`, EMOJI.repeat(257), 'k'.repeat(1_000)]) {
      const taken = (async () => take(text))();
      await expect(taken).rejects.toThrow(`has ${[...text].length} characters, at most 256 are possible`);
    }
  });
});

/** Writes an event in the order of `encodeEvent`. */
function fixedOrder(key: string): string {
  const { id, source: from, type, time } = ATTRIBUTES;
  return `{"specversion":"1.0","source":"${from}","type":"${type}","time":"${time}","partitionkey":"${key}","id":"${id}","data":1}`;
}

test.each([
  ['k', undefined],
  ['', 'empty'],
  ['k'.repeat(256), undefined],
  ['k'.repeat(257), 'too long'],
  [EMOJI.repeat(256), undefined],
  [EMOJI.repeat(257), 'too long'],
  ['\ud83c', 'not Unicode'],
  ['k'.repeat(255) + EMOJI, undefined],
])('the fault of a key is found: case %#', (text, kind) => {
  expect(keyFault(text)?.kind).toBe(kind);
});
