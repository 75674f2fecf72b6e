import { UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { openLogWriter } from '../../../functions/runtime/log/log-writer.ts';
import type { StepSurroundings } from '../../../functions/runtime/step.ts';
import { defineTransform } from '../../../functions/runtime/transform.ts';
import { openTransform } from '../../../functions/runtime/transform-handler.ts';
import { deliveries, type Engine, eventsOf, invocation, startEngine } from './engine-kit.ts';
import { eventOf, NEVER } from './log/log-kit.ts';

const Number_ = z.number();
const doubled = defineTransform({
  entry: import.meta.url,
  from: Number_,
  to: Number_,
  apply: (event) => {
    if (event.data === 13) throw new Error('unlucky');
    if (event.data === 99) return [];
    if (event.data === 7) return [event];
    return [
      { type: 'number.doubled', data: event.data * 2 },
      { type: 'number.doubled', key: 'other', data: event.data * 2 + 1 },
    ];
  },
});

const CONFIG = { input: { stream: 'in', own: ['/p/first/'], start: 'earliest' }, output: { stream: 'out' } };

describe('a transform', () => {
  let engine: Engine;
  beforeEach(async () => {
    engine = await startEngine();
    engine.log.createStream({ StreamName: 'in', ShardCount: 1 });
    engine.log.createStream({ StreamName: 'out', ShardCount: 2 });
  });
  afterEach(() => engine.stop());

  const send = (numbers: readonly number[], source = '/p/first/x/s/g') =>
    openLogWriter({ kinesis: engine.kinesis, stream: 'in' }).append(
      numbers.map((number) => eventOf(source, number, `key-${number % 3}`)),
      NEVER,
    );
  const open = (changes: Partial<StepSurroundings> = {}) =>
    openTransform(doubled, { ...engine.surroundings(CONFIG), ...changes });
  const deliverAll = async (handler: ReturnType<typeof open>) => {
    const replies = [];
    for (const event of deliveries(engine.log, 'in')) replies.push(await handler(event, invocation()));
    return replies;
  };
  const numbersOut = () =>
    eventsOf(engine.log, 'out')
      .map(({ data }) => data as number)
      .sort((a, b) => a - b);

  test('appends its outputs in order, and nothing for an event without output', async () => {
    await send([1, 2, 7, 99, 100]);
    expect(await deliverAll(open())).toEqual([{ batchItemFailures: [] }]);
    expect(numbersOut()).toEqual([2, 3, 4, 5, 7, 200, 201]);
  });

  test('passes an event on with exactly the bytes of its data', async () => {
    await openLogWriter({ kinesis: engine.kinesis, stream: 'in' }).append(
      [{ ...eventOf('/p/first/x/s/g', 1, 'k'), dataBytes: Buffer.from('7.000') }],
      NEVER,
    );
    await deliverAll(open());
    const [record] = deliveries(engine.log, 'out').flatMap(({ Records }) => Records);
    expect(Buffer.from(record?.kinesis.data ?? '', 'base64').toString('latin1')).toContain('"data":7.000}');
  });

  test('numbers its outputs by the input position, so that readers recognise a repeated append', async () => {
    await send([1]);
    const failing = failOnce(engine.surroundings(CONFIG).dynamodb, movesPosition);
    const handler = open({ dynamodb: failing });
    const [event] = deliveries(engine.log, 'in');
    const [first] = event?.Records ?? [];
    expect(await handler(event as never, invocation())).toEqual({
      batchItemFailures: [{ itemIdentifier: first?.kinesis.sequenceNumber }],
    });
    expect(await handler(event as never, invocation())).toEqual({ batchItemFailures: [] });
    const out = eventsOf(engine.log, 'out');
    expect(out).toHaveLength(4);
    expect(new Set(out.map(({ source, sequence }) => `${source} ${sequence}`)).size).toBe(2);
  });

  test('processes a batch once when it is delivered twice', async () => {
    await send([1, 2]);
    const handler = open();
    await deliverAll(handler);
    await deliverAll(handler);
    await deliverAll(open());
    expect(numbersOut()).toEqual([2, 3, 4, 5]);
  });

  test('processes an event of one of our steps once, however often that step appended the event', async () => {
    await send([1, 2]);
    await send([1, 2, 4]);
    await deliverAll(open());
    expect(numbersOut()).toEqual([2, 3, 4, 5, 8, 9]);
  });

  test('does not deduplicate foreign events', async () => {
    await send([1], '/shop');
    await send([1], '/shop');
    await deliverAll(open());
    expect(numbersOut()).toEqual([2, 2, 3, 3]);
  });

  test('makes a dead letter of an event on which apply throws, and continues', async () => {
    await send([1, 13, 14]);
    await deliverAll(open());
    expect(numbersOut()).toEqual([2, 3, 28, 29]);
    expect([...engine.letters.values()]).toMatchObject([
      { pipeline: 'p', step: 's', reason: 'transform', message: 'apply threw Error: unlucky' },
    ]);
    expect([...engine.letters.values()][0]?.text).toContain('"data":13}');
  });

  test.each([
    {
      what: 'a text for a number',
      Data: Buffer.from('"text"'),
      reason: 'schema',
      message: /the input does not fit its schema: data: .*number/,
    },
    { what: 'bytes that are no JSON', Data: Buffer.from([0xff, 0xfe, 1]), reason: 'undecodable', message: /JSON/ },
  ])('makes a dead letter of $what', async ({ Data, reason, message }) => {
    engine.log.putRecord({ StreamName: 'in', PartitionKey: 'k', Data });
    await send([1]);
    await deliverAll(open());
    expect(numbersOut()).toEqual([2, 3]);
    const [letter] = engine.letters.values();
    expect(letter).toMatchObject({ reason });
    expect(letter?.message).toMatch(message);
  });

  test('makes a dead letter of an event with an output above the stream’s limit, and sends none of its outputs', async () => {
    const grown = defineTransform({
      entry: import.meta.url,
      from: Number_,
      to: z.string(),
      apply: ({ data }) => [
        { type: 'grown', data: 'small' },
        { type: 'grown', data: 'x'.repeat(data) },
      ],
    });
    await send([1, 2_000_000]);
    const handler = openTransform(grown, engine.surroundings(CONFIG));
    await deliverAll(handler);
    expect(eventsOf(engine.log, 'out').map(({ data }) => data)).toEqual(['small', 'x']);
    expect([...engine.letters.values()]).toMatchObject([{ reason: 'too-large' }]);
  });

  describe('whose code fails on an event, or returns an output that no reader accepts,', () => {
    const Anything = z.any();
    const text = { type: 'made', data: 'text' };
    test.each([
      {
        what: 'a refinement throws',
        from: z.number().refine((n) => failing(n)),
        message: /schema of the input threw.*13/,
      },
      { what: 'a transform of the schema throws', from: z.number().transform(failing), message: /input threw.*13/ },
      {
        what: 'the schema of the output throws',
        to: z.string().refine(() => failing(13)),
        message: /output threw.*13/,
      },
      { what: 'the data is no JSON', made: { type: 'made', data: 1n }, message: /the output threw .*BigInt/ },
      { what: 'there is no data', made: { type: 'made', data: undefined }, message: /data is undefined/ },
      { what: 'an output is null', made: null, message: /the output threw/ },
      { what: 'the type is empty', made: { ...text, type: '' }, message: /the output's type/ },
      { what: 'the key is empty', made: { ...text, key: '' }, message: /the output's key/ },
      { what: 'the key is too long', made: { ...text, key: 'k'.repeat(257) }, message: /the output's key/ },
      { what: 'the key is half a character', made: { ...text, key: '\ud800' }, message: /the output's key/ },
      { what: 'the key is a number', made: { ...text, key: 7 }, message: /the output's key/ },
      { what: 'the time is none', made: { ...text, time: '2026-02-30' }, message: /the output's time/ },
      { what: 'there are too many outputs', many: 262_145, message: /262145 outputs: at most 262144/ },
    ])(
      'makes a dead letter of it, and goes on: $what',
      async ({ from = Anything, to, made = text, many = 1, message }) => {
        const broken = defineTransform({
          entry: import.meta.url,
          from,
          to: to ?? Anything,
          apply: ({ data }) => (data === 13 ? (Array.from({ length: many }, () => made) as never) : []),
        });
        await send([12, 13, 14]);
        const handler = openTransform(broken, engine.surroundings(CONFIG));
        expect(await deliverAll(handler)).toEqual([{ batchItemFailures: [] }]);
        expect(eventsOf(engine.log, 'out')).toEqual([]);
        expect([...engine.letters.values()]).toMatchObject([{ reason: 'transform' }]);
        expect([...engine.letters.values()][0]?.message).toMatch(message);
        expect([...engine.letters.values()][0]?.text).toContain('"data":13}');
      },
    );
  });

  test('logs one line of metrics for a batch', async () => {
    await send([1, 13]);
    await deliverAll(open());
    const lines = engine.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).toMatchObject([{ pipeline: 'p', step: 's', eventsIn: 2, eventsOut: 2, rejected: 1, alreadySeen: 0 }]);
  });

  test('asks for the batch again from its first record when its dead letters cannot be stored', async () => {
    await send([13]);
    const s3 = { send: () => Promise.reject(new Error('S3 is down')) } as never;
    const [event] = deliveries(engine.log, 'in');
    const reply = await open({ s3 })(event as never, invocation());
    expect(reply.batchItemFailures).toEqual([{ itemIdentifier: event?.Records[0]?.kinesis.sequenceNumber }]);
    await deliverAll(open());
    expect(engine.letters.size).toBe(1);
  });

  test('processes nothing twice when a twin has moved the checkpoint in the meantime', async () => {
    await send([1]);
    const [one, twin] = [open(), open()];
    await deliverAll(one);
    await send([2]);
    const stale = deliveries(engine.log, 'in')[0];
    await twin(stale as never, invocation());
    expect(await one(stale as never, invocation())).toEqual({ batchItemFailures: [] });
    expect(new Set(eventsOf(engine.log, 'out').map(({ sequence }) => sequence)).size).toBe(4);
  });

  test('continues from the positions that it stored under its former name', async () => {
    await send([1, 2]);
    await deliverAll(open());
    await send([1, 2, 3]);
    const renamed = openTransform(doubled, engine.surroundings({ ...CONFIG, step: 'renamed', formerly: 's' }));
    await deliverAll(renamed);
    await deliverAll(openTransform(doubled, engine.surroundings({ ...CONFIG, step: 'renamed' })));
    expect(numbersOut()).toEqual([2, 3, 4, 5, 6, 7]);
  });

  test('deduplicates in the shards of a split with the marks of their parent', async () => {
    await send([1, 2, 3]);
    const handler = open();
    await deliverAll(handler);
    engine.log.updateShardCount({ StreamName: 'in', TargetShardCount: 2, ScalingType: 'UNIFORM_SCALING' });
    await send([1, 2, 3, 4]);
    await deliverAll(handler);
    await deliverAll(open());
    expect(numbersOut()).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test('deduplicates in the shard of a merge with the marks of each parent', async () => {
    engine.log.updateShardCount({ StreamName: 'in', TargetShardCount: 2, ScalingType: 'UNIFORM_SCALING' });
    await send([1, 2, 3]);
    const handler = open();
    await deliverAll(handler);
    engine.log.updateShardCount({ StreamName: 'in', TargetShardCount: 1, ScalingType: 'UNIFORM_SCALING' });
    await send([1, 2, 3, 4]);
    await deliverAll(handler);
    expect(numbersOut()).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
  });
});

/** Throws on one number, as the code of a user's schema may. */
function failing(number: number): number {
  if (number === 13) throw new RangeError('13 is unlucky');
  return number;
}

/** A client whose first call of this kind fails, as if the network did. */
function failOnce<C extends { send: unknown }>(client: C, fails: (command: object) => boolean): C {
  let failed = false;
  const send = (sent: object, options: object): unknown => {
    if (!failed && fails(sent)) {
      failed = true;
      return Promise.reject(Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' }));
    }
    return (client.send as (sent: object, options: object) => unknown).call(client, sent, options);
  };
  return { send } as unknown as C;
}

function movesPosition(command: object): boolean {
  return command instanceof UpdateItemCommand && !command.input.Key?.key?.S?.startsWith('attempts/');
}
