import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateStreamCommand, KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { UserMistake } from '../../../../functions/runtime/errors.ts';
import { runMappings } from '../../../../infra/endpoint/run.ts';
import { eventually } from '../../../eventually.ts';
import { type FunctionCode, type MappingJson, startEndpoint } from './lambda-endpoint.ts';

let running: AsyncDisposableStack;
let here: Awaited<ReturnType<typeof startEndpoint>>;
let kinesis: KinesisClient;
let journals: string;
let printed: string[];

beforeEach(async () => {
  vi.stubEnv('AWS_REGION', 'us-east-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  running = new AsyncDisposableStack();
  here = await startEndpoint(running);
  kinesis = new KinesisClient({ endpoint: here.url, requestHandler: new NodeHttpHandler() });
  running.defer(() => kinesis.destroy());
  journals = await mkdtemp(join(tmpdir(), 'millrace-mappings-'));
  running.defer(() => rm(journals, { recursive: true }));
  printed = [];
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await running.disposeAsync();
});

async function createStream(name: string, texts: readonly string[] = [], ShardCount = 1): Promise<void> {
  await kinesis.send(new CreateStreamCommand({ StreamName: name, ShardCount }));
  await put(name, texts);
}

async function put(stream: string, texts: readonly string[]): Promise<void> {
  if (texts.length === 0) return;
  const Records = texts.map((text) => ({ Data: Buffer.from(text), PartitionKey: 'key' }));
  await kinesis.send(new PutRecordsCommand({ StreamName: stream, Records }));
}

/** Maps a stream to a new function. Returns a list that gets the texts of each invocation. */
function map(
  stream: string,
  name: string,
  { code = () => undefined, ...settings }: { readonly code?: FunctionCode } & Readonly<Record<string, unknown>> = {},
): string[] {
  const given: string[] = [];
  here.functions.set(name, (texts, records) => {
    given.push(texts.join(''));
    return code(texts, records);
  });
  const UUID = `00000000-0000-4000-8000-${String(here.mappings.size).padStart(12, '0')}`;
  const mapping: MappingJson = {
    UUID,
    State: 'Enabled',
    StartingPosition: 'TRIM_HORIZON',
    BatchSize: 100,
    EventSourceArn: `arn:aws:kinesis:us-east-1:000000000000:stream/${stream}`,
    FunctionArn: `arn:aws:lambda:us-east-1:000000000000:function:${name}`,
    LastModified: Date.now() / 1_000 - 60,
    ...settings,
  };
  here.mappings.set(UUID, mapping);
  return given;
}

/** Runs `millrace mappings` to its end. */
function runToEnd(signal = new AbortController().signal): Promise<void> {
  return runMappings(
    { endpoint: here.url, journals, follow: false, trace: false },
    (line) => printed.push(line),
    signal,
  );
}

/** Runs `millrace mappings --follow` until `interrupt` is called. */
function runFollowing() {
  const interrupted = new AbortController();
  const options = { endpoint: here.url, journals, follow: true, trace: false };
  const end = runMappings(options, (line) => printed.push(line), interrupted.signal);
  return {
    async interrupt() {
      interrupted.abort(new Error('interrupted'));
      await end;
    },
  };
}

function reporting(texts: readonly string[], records: Parameters<FunctionCode>[1]) {
  const first = texts.indexOf('bad');
  return first === -1 ? {} : { batchItemFailures: [{ itemIdentifier: records[first]?.kinesis.sequenceNumber }] };
}

function throwing(texts: readonly string[]): void {
  if (texts.includes('bad')) throw new RangeError('a bad record');
}

const giveUp = { MaximumRetryAttempts: 0, DestinationConfig: { OnFailure: { Destination: 'arn:aws:s3:::failed' } } };

describe('millrace mappings', () => {
  test.each([
    {
      what: 'halves a batch that throws, down to the bad record',
      settings: { ...giveUp, BisectBatchOnFunctionError: true },
      code: throwing,
      batches: ['abbadc', 'ab', 'badc', 'bad', 'c'],
      line: /load ← readings: .* will be retried: /,
    },
    {
      what: 'continues from the record that a function reports',
      settings: { ...giveUp, FunctionResponseTypes: ['ReportBatchItemFailures'] },
      code: reporting,
      batches: ['abbadc', 'badc'],
      // A function that reports a failure logs the reason itself.
      line: /load ← readings: 2 records of shardId-000000000000 discarded: RetryAttemptsExhausted/,
    },
  ])('$what, and stores what it discards', async ({ settings, code, batches, line }) => {
    const s3 = new S3Client({ endpoint: here.url, forcePathStyle: true });
    running.defer(() => s3.destroy());
    await s3.send(new CreateBucketCommand({ Bucket: 'failed' }));
    await createStream('readings', ['a', 'b', 'bad', 'c']);
    const given = map('readings', 'load', { ...settings, code });
    await runToEnd();
    expect(given).toEqual(batches);
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: 'failed' }));
    expect(Contents.map(({ Key }) => Key?.split('/').slice(0, 4).join('/'))).toEqual([
      'aws/lambda/00000000-0000-4000-8000-000000000000/shardId-000000000000',
    ]);
    const object = await s3.send(new GetObjectCommand({ Bucket: 'failed', Key: Contents[0]?.Key ?? '' }));
    expect(JSON.parse((await object.Body?.transformToString()) ?? '')).toMatchObject({
      requestContext: { condition: 'RetryAttemptsExhausted' },
    });
    expect(printed.join('\n')).toMatch(line);
  });

  test('runs until functions that feed one another have caught up, and then enables the mappings again', async () => {
    await createStream('raw', ['a', 'b']);
    await createStream('clean');
    await createStream('clean2');
    const last = map('clean2', 'third');
    map('clean', 'second', { code: (texts) => put('clean2', texts) });
    map('raw', 'first', { code: (texts) => put('clean', texts) });
    await runToEnd();
    expect(last.join('')).toBe('ab');
    expect(here.changes.sort()).toEqual(['first off', 'first on', 'second off', 'second on', 'third off', 'third on']);
    expect(printed.filter((line) => line.endsWith('given back'))).toHaveLength(3);
  });

  test("keeps the emulator's own pollers off while it runs", async () => {
    await createStream('readings', ['a']);
    const states: unknown[] = [];
    map('readings', 'load', { code: () => void states.push([...here.mappings.values()][0]?.State) });
    await runToEnd();
    expect(states).toEqual(['Disabled']);
    expect([...here.mappings.values()][0]?.State).toBe('Enabled');
  });

  test('enables the mappings again when it is interrupted before all have caught up', async () => {
    await createStream('readings', ['bad']);
    const interrupted = new AbortController();
    const given = map('readings', 'load', { code: throwing });
    const end = runToEnd(interrupted.signal);
    await eventually(() => expect(given.length).toBeGreaterThan(1));
    interrupted.abort(new Error('interrupted'));
    await expect(end).rejects.toThrow('interrupted');
    expect([...here.mappings.values()][0]?.State).toBe('Enabled');
  });

  test('continues from the position where the last run stopped', async () => {
    await createStream('readings', ['a', 'b']);
    const given = map('readings', 'load');
    await runToEnd();
    await put('readings', ['c']);
    await runToEnd();
    expect(given).toEqual(['ab', 'c']);
  });

  test('starts over with a stream that was deleted and created again', async () => {
    await createStream('readings', ['a']);
    const given = map('readings', 'load');
    await runToEnd();
    const journal = journalFile();
    const text = await readFile(journal, 'utf8');
    await writeFile(journal, text.replace(/"streamCreatedMillis": \d+/, '"streamCreatedMillis": 1'));
    await runToEnd();
    expect(given).toEqual(['a', 'a']);
  });

  test('takes over the mappings of a run that was killed, and enables them at its end', async () => {
    await createStream('readings', ['a']);
    const given = map('readings', 'load', { State: 'Disabled' });
    await runToEnd();
    expect(given).toEqual([]);
    const journal = journalFile();
    const taken = { streamCreatedMillis: 0, taken: true, checkpoints: {} };
    const killed = { pid: 2 ** 22, mappings: { '00000000-0000-4000-8000-000000000000': taken } };
    await writeFile(journal, JSON.stringify(killed));
    await runToEnd();
    expect(given).toEqual(['a']);
    expect([...here.mappings.values()][0]?.State).toBe('Enabled');
  });

  test('starts a mapping of LATEST at its last change, so that no record is missed', async () => {
    await createStream('readings', ['a']);
    const given = map('readings', 'load', { StartingPosition: 'LATEST' });
    await runToEnd();
    expect(given).toEqual(['a']);
  });

  test.each([
    { settings: { ParallelizationFactor: 2 }, why: /ParallelizationFactor 2 is not supported here/ },
    { settings: { TumblingWindowInSeconds: 60 }, why: /TumblingWindowInSeconds 60 is not supported here/ },
    { settings: { FilterCriteria: { Filters: [{ Pattern: '{}' }] } }, why: /FilterCriteria is not supported here/ },
    { settings: { StartingPosition: 'AT_TIMESTAMP' }, why: /Need to specify a timestamp/ },
    { settings: { State: 'Disabled' }, why: /it is disabled/ },
    {
      settings: { EventSourceArn: 'arn:aws:kinesis:us-east-1:000000000000:stream/readings/consumer/fast:1' },
      why: /an enhanced fan-out consumer is not supported here/,
    },
  ])('leaves alone and names one with $settings', async ({ settings, why }) => {
    await createStream('readings', ['a']);
    const given = map('readings', 'load', settings);
    const other = map('readings', 'other');
    await runToEnd();
    expect(printed.find((line) => line.includes('left alone'))).toMatch(why);
    expect(given).toEqual([]);
    expect(other).toEqual(['a']);
    expect(here.changes).toEqual(['other off', 'other on']);
  });

  test('ignores mappings of queues', async () => {
    map('readings', 'load', { EventSourceArn: 'arn:aws:sqs:us-east-1:000000000000:readings' });
    await runToEnd();
    expect(printed).toEqual([expect.stringMatching(/There are no Kinesis mappings .* in this region/)]);
    expect(here.changes).toEqual([]);
  });

  test('reports once why a function cannot be invoked, and retries until it can', async () => {
    await createStream('readings', ['a']);
    const given = map('readings', 'load');
    const code = here.functions.get('load')!;
    here.functions.delete('load');
    const end = runToEnd();
    await eventually(() => expect(printed.join('\n')).toMatch(/load: cannot be invoked.*no function load/));
    here.functions.set('load', code);
    await end;
    expect(given).toEqual(['a']);
    expect(printed.filter((line) => line.includes('cannot be invoked'))).toHaveLength(1);
  });
});

describe('millrace mappings --follow', () => {
  test('waits for a stream that does not exist yet, and reports that once', async () => {
    const given = map('readings', 'load');
    const { interrupt } = runFollowing();
    await eventually(() => expect(printed).toContain('load ← readings: left alone: its stream does not exist'));
    await createStream('readings', ['a']);
    await eventually(() => expect(given).toEqual(['a']));
    await interrupt();
    expect(printed.filter((line) => line.includes('left alone'))).toHaveLength(1);
  });

  test('runs mappings that are created later, until it is interrupted', async () => {
    await createStream('readings', ['a']);
    const { interrupt } = runFollowing();
    await eventually(() => expect(printed).toContainEqual(expect.stringMatching(/Ctrl-C gives them back/)));
    const given = map('readings', 'load');
    await eventually(() => expect(given).toEqual(['a']));
    await put('readings', ['b']);
    await eventually(() => expect(given).toEqual(['a', 'b']));
    await interrupt();
    expect(here.changes).toEqual(['load off', 'load on']);
  });

  test('follows a changed mapping, disables one that a deployment has enabled, and drops a deleted one', async () => {
    await createStream('readings', ['a', 'b', 'c']);
    const given = map('readings', 'load', { BatchSize: 1 });
    const { interrupt } = runFollowing();
    await eventually(() => expect(given).toEqual(['a', 'b', 'c']));
    const [uuid, mapping] = [...here.mappings][0]!;
    here.mappings.set(uuid, { ...mapping, BatchSize: 2, State: 'Enabled' });
    await eventually(() => expect(printed).toContain('load ← readings: changed'));
    expect(here.mappings.get(uuid)?.State).toBe('Disabled');
    await put('readings', ['d', 'e', 'f']);
    await eventually(() => expect(given.slice(3)).toEqual(['de', 'f']));
    here.mappings.delete(uuid);
    await eventually(() => expect(printed).toContain('load ← readings: deleted'));
    await interrupt();
    expect(here.changes).toEqual(['load off', 'load off']);
  });

  test('rejects while another process runs the mappings of the endpoint', async () => {
    await writeFile(journalFile(), JSON.stringify({ pid: 1, mappings: {} }));
    await expect(runToEnd()).rejects.toBeInstanceOf(UserMistake);
    await expect(runToEnd()).rejects.toThrow(/process 1 already runs the mappings of this endpoint/);
  });
});

/** Returns the file of the endpoint's journal. */
function journalFile(): string {
  return join(journals, `${new URL(here.url).host.replace(':', '-')}.json`);
}
