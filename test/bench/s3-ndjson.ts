import { once } from 'node:events';
import { createGzip, gunzipSync, gzipSync } from 'node:zlib';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { KinesisStreamEvent } from 'aws-lambda';
import { openLogWriter } from '../../functions/runtime/log/log-writer.ts';
import { encodeOrdered } from '../../functions/runtime/position.ts';
import { openSink } from '../../functions/runtime/sink-handler.ts';
import { s3Definition, s3Sink } from '../../functions/sinks/s3/s3.ts';
import { useEndpoint } from '../contracts/source-harnesses.ts';
import { kplDeaggregate } from '../functions/runtime/record-codec/kinesis-agg.ts';
import { startBucket } from './bucket.ts';
import { invocation, openTarget } from './in-memory.ts';
import { type Measured, measure, runAlone } from './rounds.ts';
import { orders } from './sql-orders.ts';

const EVENTS = 10_000;
const ROUNDS = 15;
/** The target against a naive handler, and as a share of what the compressor alone would do. */
const TIMES_NAIVE = 4;
const SHARE_OF_COMPRESSOR = 0.8;

/**
 * Compares the NDJSON sink's handler, from Lambda's event to the object in the bucket, with a naive one that does the
 * same: it unpacks the records with aws-kinesis-agg, parses each event, writes it as a line and compresses the lines
 * with gzip. And with the compressor alone, which gets the lines for nothing.
 */
async function benchNdjson(): Promise<readonly Measured[]> {
  await using running = new AsyncDisposableStack();
  const bucket = await startBucket();
  running.defer(bucket.stop);
  running.defer(useEndpoint(bucket.url));
  const event = await lambdaEvent();
  let ours = await ourHandler();
  const before = async (): Promise<void> => {
    ours = await ourHandler();
  };
  const naive = naiveHandler();
  const lines = await linesOf(() => naive(event), bucket);
  if (!lines.equals(await linesOf(() => ours(event), bucket))) throw new Error('the two objects differ');
  const name = `${EVENTS} orders of a Lambda event into an object, gzip`;
  return [
    await measure({
      name,
      versus: 'a naive handler',
      target: TIMES_NAIVE,
      rounds: ROUNDS,
      before,
      ours: () => ours(event),
      other: () => naive(event),
    }),
    await measure({
      name,
      versus: 'the compressor alone',
      target: SHARE_OF_COMPRESSOR,
      rounds: ROUNDS,
      before,
      ours: () => ours(event),
      other: () => compressed(lines),
    }),
  ];
}

/** Orders as an upstream step appends them, in one event of Lambda. */
async function lambdaEvent(): Promise<KinesisStreamEvent> {
  const target = openTarget(['raw'], { own: OWN });
  const all = orders(EVENTS).toString().trimEnd().split('\n');
  const events = all.map((line, index) => {
    const sequence = encodeOrdered(index, 39);
    const source = '/bench/before/stream/shardId-000000000000/bench';
    const key = `order-${index}`;
    return {
      ...{ id: sequence, source, sequence, type: 'order.placed', time: '2026-01-01T00:00:00Z', key },
      traceparent: undefined,
      dataBytes: Buffer.from(line),
    };
  });
  await openLogWriter({ kinesis: target.kinesis, stream: 'raw' }).append(events, AbortSignal.timeout(60_000));
  const [event] = await target.batches('raw', 1_000);
  if (event === undefined) throw new Error('there is no event');
  return event;
}

const OWN = ['/bench/before/'];

type Handler = (event: KinesisStreamEvent) => Promise<unknown>;

/** Opens a process whose step is new. */
async function ourHandler(): Promise<Handler> {
  const surroundings = openTarget(['raw'], { own: OWN }).surroundingsOf('lake', { input: 'raw' });
  const { options } = s3Sink({ prefix: 'orders', by: 'month' });
  const config = { ...surroundings.config, options, resources: { bucket: 'lake' } };
  const handler = openSink(s3Definition, { ...surroundings, config });
  return async (event) => {
    const answer = await handler(event, invocation);
    if (answer.batchItemFailures.length > 0) throw new Error('the batch failed');
  };
}

function naiveHandler(): Handler {
  const client = new S3Client({ forcePathStyle: true });
  return async ({ Records }) => {
    const lines = Records.flatMap(({ kinesis }) =>
      kplDeaggregate(kinesis.data).map(({ data }) =>
        JSON.stringify(JSON.parse(Buffer.from(data, 'base64').toString())),
      ),
    );
    const Body = gzipSync(`${lines.join('\n')}\n`);
    await client.send(new PutObjectCommand({ Bucket: 'lake', Key: 'naive.gz', Body }));
  };
}

async function linesOf(put: () => Promise<unknown>, bucket: { readonly objects: readonly Buffer[] }): Promise<Buffer> {
  const before = bucket.objects.length;
  await put();
  return Buffer.concat(bucket.objects.slice(before).map((object) => gunzipSync(object)));
}

async function compressed(lines: Buffer): Promise<number> {
  const gzip = createGzip();
  let bytes = 0;
  gzip.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  gzip.end(lines);
  await once(gzip, 'end');
  return bytes;
}

await runAlone(benchNdjson);
