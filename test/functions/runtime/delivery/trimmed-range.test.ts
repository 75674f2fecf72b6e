import type { KinesisStreamBatchResponse, KinesisStreamEvent } from 'aws-lambda';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openLogWriter } from '../../../../functions/runtime/log/log-writer.ts';
import type { Progress } from '../../../../functions/runtime/sink.ts';
import { openSink } from '../../../../functions/runtime/sink-handler.ts';
import type { StepSurroundings } from '../../../../functions/runtime/step.ts';
import { whyLetterCannotRedrive } from '../../../../infra/operation/dead-letters/redrivable.ts';
import { deliveries, type Engine, invocation, plainSink, startEngine } from '../engine-kit.ts';
import { eventOf, NEVER } from '../log/log-kit.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const CONFIG = { input: { stream: 'in', own: ['/p/first/'], start: 'earliest' }, options: {}, resources: {} };

describe('records that were trimmed while the function of their step could not start', () => {
  let engine: Engine;
  let isDown = false;
  let numbers: unknown[] = [];
  let progress = new Map<string, Progress>();
  let acknowledged = 0n;
  beforeEach(async () => {
    engine = await startEngine();
    engine.log.createStream({ StreamName: 'in', ShardCount: 1 });
    [isDown, numbers, progress, acknowledged] = [false, [], new Map(), 0n];
  });
  afterEach(() => engine.stop());

  const reach = (): void => {
    if (isDown) throw new Error('connect ECONNREFUSED');
  };
  /** It keeps its progress with its rows, so that is out of reach too while it is down. */
  const sink = plainSink(() => ({
    async write(slice) {
      reach();
      for await (const page of slice.pages) numbers.push(...page.map(({ data }) => data));
      progress.set(slice.shard, slice.progress([]));
      return [];
    },
    loadProgress: async (shard) => {
      reach();
      return progress.get(shard);
    },
    isEmpty: async () => numbers.length === 0,
  }));

  const send = (number: number) =>
    openLogWriter({ kinesis: engine.kinesis, stream: 'in' }).append([eventOf('/p/first/x/s/g', number, 'k')], NEVER);

  /** Delivers everything that is not acknowledged to a new process, as the mapping does. */
  async function deliver(changes: Partial<StepSurroundings> = {}): Promise<void> {
    const all = deliveries(engine.log, 'in').flatMap(({ Records }) => Records);
    const Records = all.filter(({ kinesis }) => BigInt(kinesis.sequenceNumber) > acknowledged);
    if (Records.length === 0) return;
    const event: KinesisStreamEvent = { Records };
    const handler = openSink(sink, { ...engine.surroundings(CONFIG), ...changes });
    const { batchItemFailures } = (await handler(event, invocation())) as KinesisStreamBatchResponse;
    const failed = batchItemFailures[0]?.itemIdentifier;
    const done = failed === undefined ? Records.length : Records.findIndex((r) => r.kinesis.sequenceNumber === failed);
    acknowledged = BigInt(Records[done - 1]?.kinesis.sequenceNumber ?? acknowledged);
  }

  async function deliverFor(millis: number): Promise<void> {
    for (const until = engine.nowMillis + millis; engine.nowMillis < until; engine.nowMillis += 10 * MINUTE)
      await deliver();
  }

  /** Sends an event every three hours, without a call of the function. */
  async function standStill(events: number): Promise<void> {
    for (let sent = 0; sent < events; sent++) {
      engine.nowMillis += 3 * HOUR;
      await send(100 + sent);
    }
  }

  const letters = () => [...engine.letters.values()];

  test('are named by one dead letter with the range that they were in, and the step goes on behind it', async () => {
    await send(0);
    await deliver();
    await standStill(11);
    await deliver();
    // Of eleven events the first three are gone; the fourth arrived twelve hours after the step stopped.
    expect(numbers).toEqual([0, 102, 103, 104, 105, 106, 107, 108, 109, 110]);
    const [letter, ...others] = letters();
    expect(others).toEqual([]);
    expect(letter).toMatchObject({
      reason: 'expired',
      message:
        'records that arrived between 2026-01-01T00:00:00.000Z and 2026-01-01T09:00:00.000Z may be lost: ' +
        'the stream trimmed what it had there before the function of the step could run',
      text: '',
    });
    expect(engine.lines.filter((line) => line.includes('"rejected":1'))).toHaveLength(1);
    expect(letter && whyLetterCannotRedrive(letter)).toContain('have the producers send what is missing');
    engine.nowMillis += HOUR;
    await send(200);
    await deliver();
    expect(letters()).toHaveLength(1);
  });

  test('are named also when the step comes back while its database is down', async () => {
    await send(0);
    await deliver();
    await standStill(11);
    engine.nowMillis += HOUR;
    isDown = true;
    await deliverFor(20 * MINUTE);
    expect(letters().filter(({ text }) => text === '')).toEqual([]);
    isDown = false;
    await deliver();
    expect(letters().filter(({ text }) => text === '')).toHaveLength(1);
    expect(numbers).toHaveLength(9);
  });

  test('are named once, however often the step dies behind the dead letter', async () => {
    await send(0);
    await deliver();
    await standStill(11);
    engine.nowMillis += HOUR;
    const { s3 } = engine.surroundings(CONFIG);
    const dying = {
      async send(command: never) {
        await s3.send(command);
        throw new Error('the reply was lost');
      },
    };
    await deliver({ s3: dying as never });
    engine.nowMillis += 10 * MINUTE;
    await deliver({ s3: dying as never });
    await deliver();
    expect(letters()).toHaveLength(1);
    expect(numbers).toHaveLength(9);
  });

  test('are none in a shard that was idle for longer than the retention', async () => {
    await send(0);
    await deliver();
    engine.nowMillis += 72 * HOUR;
    await send(1);
    engine.nowMillis += MINUTE;
    await deliver();
    expect(numbers).toEqual([0, 1]);
    expect(letters()).toEqual([]);
  });

  test('are none when the function was called all the time, and failed', async () => {
    await send(0);
    await deliver();
    isDown = true;
    engine.nowMillis += 20 * HOUR;
    await send(1);
    await deliverFor(11 * HOUR);
    isDown = false;
    await deliver();
    expect(numbers).toEqual([0, 1]);
    expect(letters()).toEqual([]);
  });

  test('are asked for once when a step goes on after days, and not with each of its batches', async () => {
    engine.log.increaseStreamRetentionPeriod({ StreamName: 'in', RetentionPeriodHours: 7 * 24 });
    await send(0);
    await deliver();
    await standStill(17);
    let asked = 0;
    const surroundings = engine.surroundings(CONFIG);
    const counting = {
      send(command: never) {
        if (JSON.stringify((command as { input: object }).input).includes('waiting/')) asked++;
        return surroundings.dynamodb.send(command);
      },
    };
    const handler = openSink(sink, { ...surroundings, dynamodb: counting as never });
    const [
      {
        Records: [, ...waiting],
      } = { Records: [] },
    ] = deliveries(engine.log, 'in');
    for (const record of waiting) {
      engine.nowMillis += MINUTE;
      await handler({ Records: [record] }, invocation());
    }
    expect(numbers).toHaveLength(18);
    expect(asked).toBe(1);
  });

  test('are none while the log still has the record of the position', async () => {
    engine.log.increaseStreamRetentionPeriod({ StreamName: 'in', RetentionPeriodHours: 7 * 24 });
    await send(0);
    await deliver();
    await standStill(11);
    await deliver();
    expect(numbers).toHaveLength(12);
    expect(letters()).toEqual([]);
  });
});
