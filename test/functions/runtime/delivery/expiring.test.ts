import type { PutObjectCommand } from '@aws-sdk/client-s3';
import type { KinesisStreamBatchResponse, KinesisStreamEvent } from 'aws-lambda';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openCheckpoints } from '../../../../functions/runtime/checkpoints/checkpoints.ts';
import { openLogWriter } from '../../../../functions/runtime/log/log-writer.ts';
import { PORTION } from '../../../../functions/runtime/log/portion.ts';
import { savePause } from '../../../../functions/runtime/pause/pause.ts';
import type { Progress } from '../../../../functions/runtime/sink.ts';
import { openSink } from '../../../../functions/runtime/sink-handler.ts';
import type { StepSurroundings } from '../../../../functions/runtime/step.ts';
import { deliveries, type Engine, invocation, plainSink, startEngine } from '../engine-kit.ts';
import { eventOf, NEVER } from '../log/log-kit.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const CONFIG = { input: { stream: 'in', own: ['/p/first/'], start: 'earliest' }, options: {}, resources: {} };

/** A database that keeps numbers, and the progress of the sink if it `keeps` that. */
interface Database {
  isDown: boolean;
  readonly keeps: boolean;
  readonly numbers: unknown[];
  readonly progress: Map<string, Progress>;
}

function reach({ isDown }: Database): void {
  if (isDown) throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
}

const sinkInto = (database: Database) =>
  plainSink(() => ({
    async write(slice) {
      reach(database);
      for await (const page of slice.pages) database.numbers.push(...page.map(({ data }) => data));
      if (database.keeps) database.progress.set(slice.shard, slice.progress([]));
      return [];
    },
    isEmpty: async () => database.numbers.length === 0,
    ...(database.keeps
      ? {
          loadProgress: async (shard: string) => {
            reach(database);
            return database.progress.get(shard);
          },
        }
      : {}),
  }));

/** A step behind the part of a mapping that matters here: it delivers again what the step asks for. */
function stepInto(engine: Engine, database: Database, changes: Partial<StepSurroundings> = {}) {
  const newProcess = () => openSink(sinkInto(database), { ...engine.surroundings(CONFIG), ...changes });
  let handler = newProcess();
  let acknowledged = 0n;
  return {
    /** Delivers everything that is not acknowledged. Resolves to the number of records that are left. */
    async deliver(): Promise<number> {
      const all = deliveries(engine.log, 'in').flatMap(({ Records }) => Records);
      const records = all.filter(({ kinesis }) => BigInt(kinesis.sequenceNumber) > acknowledged);
      const event: KinesisStreamEvent = { Records: records };
      const { batchItemFailures } = (await handler(event, invocation())) as KinesisStreamBatchResponse;
      const failed = batchItemFailures[0]?.itemIdentifier;
      const done =
        failed === undefined ? records.length : records.findIndex((r) => r.kinesis.sequenceNumber === failed);
      acknowledged = BigInt(records[done - 1]?.kinesis.sequenceNumber ?? acknowledged);
      return records.length - done;
    },
    /** Delivers every ten minutes, until the time is over. */
    async deliverFor(millis: number): Promise<number> {
      for (const until = engine.nowMillis + millis; engine.nowMillis < until; engine.nowMillis += 10 * MINUTE)
        await this.deliver();
      return this.deliver();
    },
    restart: () => {
      handler = newProcess();
    },
  };
}

const newDatabase = (keeps = false): Database => ({ isDown: false, keeps, numbers: [], progress: new Map() });

describe('a record that its stream trims within four hours', () => {
  let engine: Engine;
  beforeEach(async () => {
    engine = await startEngine();
    engine.log.createStream({ StreamName: 'in', ShardCount: 1 });
  });
  afterEach(() => engine.stop());

  /** Appends one record with two events. */
  const send = (from: number) =>
    openLogWriter({ kinesis: engine.kinesis, stream: 'in' }).append(
      [from, from + 1].map((number) => eventOf('/p/first/x/s/g', number, 'k')),
      NEVER,
    );
  const letters = () =>
    [...engine.letters.values()].map(({ reason, text, message }) => ({
      reason,
      message,
      data: JSON.parse(text ?? '').data,
    }));
  const lettersOf = () => letters().map(({ data }) => data);

  /** A record that has become old, and one that arrived three hours later. */
  async function oldAndYoung(ageMillis: number): Promise<void> {
    await send(0);
    engine.nowMillis += 3 * HOUR;
    await send(2);
    engine.nowMillis += ageMillis - 3 * HOUR;
  }

  test('is processed like any other by a step that works, up to the last minute', async () => {
    const database = newDatabase();
    await oldAndYoung(24 * HOUR - MINUTE);
    expect(await stepInto(engine, database).deliver()).toBe(0);
    expect(database.numbers).toEqual([0, 1, 2, 3]);
    expect(letters()).toEqual([]);
  });

  test('is not given up for failures of less than half an hour, by whichever process', async () => {
    const database = newDatabase();
    const step = stepInto(engine, database);
    await oldAndYoung(22 * HOUR);
    database.isDown = true;
    expect(await step.deliverFor(10 * MINUTE)).toBe(2);
    step.restart();
    expect(await step.deliverFor(10 * MINUTE)).toBe(2);
    database.isDown = false;
    expect(await step.deliver()).toBe(0);
    expect(database.numbers).toEqual([0, 1, 2, 3]);
    expect(letters()).toEqual([]);
  });

  test('is a dead letter when the step has failed for half an hour, and later records wait on', async () => {
    const database = newDatabase();
    const step = stepInto(engine, database);
    await oldAndYoung(20 * HOUR - 5 * MINUTE);
    database.isDown = true;
    expect(await step.deliverFor(30 * MINUTE)).toBe(2);
    expect(letters()).toEqual([]);
    expect(await step.deliverFor(10 * MINUTE)).toBe(1);
    const message = 'the step could not process it, and its stream trims it at 2026-01-02T00:00:00.000Z';
    expect(letters()).toEqual([0, 1].map((data) => ({ reason: 'expired', message, data })));
    expect(await step.deliverFor(HOUR)).toBe(1);
    database.isDown = false;
    expect(await step.deliver()).toBe(0);
    expect(database.numbers).toEqual([2, 3]);
    expect(lettersOf()).toEqual([0, 1]);
    expect(engine.lines.filter((line) => line.includes('"rejected":2'))).toHaveLength(1);
  });

  test('is either processed or a dead letter when the step dies after it stored the dead letters', async () => {
    const { s3 } = engine.surroundings(CONFIG);
    let left = 2;
    const dying = {
      async send(command: PutObjectCommand) {
        await s3.send(command);
        if (left-- > 0) throw new Error('the reply was lost');
      },
    };
    const database = newDatabase();
    const step = stepInto(engine, database, { s3: dying as never });
    await oldAndYoung(21 * HOUR);
    database.isDown = true;
    expect(await step.deliverFor(30 * MINUTE)).toBe(2);
    expect(lettersOf()).toContain(0);
    step.restart();
    database.isDown = false;
    expect(await step.deliver()).toBe(1);
    expect(await step.deliver()).toBe(0);
    expect(database.numbers).toEqual([2, 3]);
    expect(lettersOf()).toEqual([0, 1]);
  });

  test('is one dead letter when three processes died while they made dead letters of its events', async () => {
    const { s3 } = engine.surroundings(CONFIG);
    let died = Promise.withResolvers<number>();
    let deaths = 0;
    const dying = {
      send(command: PutObjectCommand) {
        if (deaths === 3) return s3.send(command);
        died.resolve(-1);
        return new Promise(() => undefined);
      },
    };
    const database = newDatabase();
    const step = stepInto(engine, database, { s3: dying as never });
    await oldAndYoung(24 * HOUR - 10 * MINUTE);
    database.isDown = true;
    for (; deaths < 3; deaths++) {
      died = Promise.withResolvers();
      expect(await Promise.race([step.deliver(), died.promise])).toBe(-1);
      step.restart();
    }
    expect(await step.deliver()).toBe(1);
    const [letter, ...others] = [...engine.letters.values()];
    expect(letter).toMatchObject({ reason: 'expired', message: expect.stringContaining('trims it') });
    expect(letter?.event).toBeUndefined();
    expect(others).toEqual([]);
  });

  test('is a dead letter also while the database with the positions is out of reach, and the letter says so', async () => {
    const database = newDatabase(true);
    const step = stepInto(engine, database);
    await oldAndYoung(21 * HOUR);
    database.isDown = true;
    expect(await step.deliverFor(30 * MINUTE)).toBe(1);
    expect(lettersOf()).toEqual([0, 1]);
    expect(letters()[0]?.message).toContain('may have processed it all the same');
    database.isDown = false;
    expect(await step.deliver()).toBe(0);
    expect(database.numbers).toEqual([2, 3]);
    await send(4);
    expect(await step.deliver()).toBe(0);
    expect(database.numbers).toEqual([2, 3, 4, 5]);
  });

  test('is no dead letter when the step had processed it and only its reply was lost', async () => {
    const database = newDatabase();
    const step = stepInto(engine, database);
    await oldAndYoung(21 * HOUR);
    // The first record alone, by a process whose reply is lost.
    const [event] = deliveries(engine.log, 'in');
    const { Records = [] } = event ?? {};
    await openSink(sinkInto(database), engine.surroundings(CONFIG))({ Records: Records.slice(0, 1) }, invocation());
    database.isDown = true;
    expect(await step.deliverFor(30 * MINUTE)).toBe(1);
    expect(letters()).toEqual([]);
    expect(database.numbers).toEqual([0, 1]);
  });

  test('waits on when somebody has raised the retention of the stream', async () => {
    const database = newDatabase();
    const step = stepInto(engine, database);
    await oldAndYoung(22 * HOUR);
    database.isDown = true;
    expect(await step.deliverFor(20 * MINUTE)).toBe(2);
    engine.log.increaseStreamRetentionPeriod({ StreamName: 'in', RetentionPeriodHours: 48 });
    expect(await step.deliverFor(HOUR)).toBe(2);
    expect(letters()).toEqual([]);
    database.isDown = false;
    expect(await step.deliver()).toBe(0);
    expect(database.numbers).toEqual([0, 1, 2, 3]);
  });

  test('is given up at the first failure when the stream trims it within a quarter of an hour', async () => {
    const database = newDatabase();
    const step = stepInto(engine, database);
    await oldAndYoung(24 * HOUR - 10 * MINUTE);
    database.isDown = true;
    expect(await step.deliver()).toBe(1);
    expect(lettersOf()).toEqual([0, 1]);
  });

  test('is given up in portions as large as those in which the step commits', async () => {
    const { s3 } = engine.surroundings(CONFIG);
    const stored: string[] = [];
    const counting = {
      send(command: PutObjectCommand) {
        stored.push(command.input.Key ?? '');
        return s3.send(command);
      },
    };
    const database = newDatabase();
    const portion = { ...PORTION, events: 4 };
    const step = stepInto(engine, database, { s3: counting as never, portion });
    for (let from = 0; from < 12; from += 2) await send(from);
    engine.nowMillis += 24 * HOUR - 10 * MINUTE;
    database.isDown = true;
    expect(await step.deliver()).toBe(0);
    expect(lettersOf()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(stored).toHaveLength(3);
  });

  test('of a paused step is a dead letter before the stream trims it', async () => {
    const database = newDatabase();
    const step = stepInto(engine, database);
    await oldAndYoung(19 * HOUR);
    const { dynamodb } = engine.surroundings(CONFIG);
    const checkpoints = openCheckpoints({ dynamodb, table: 'checkpoints', step: 'p/s' });
    const { signal } = new AbortController();
    const paused = await savePause(
      checkpoints,
      { revision: 0, sinceMillis: undefined },
      { sinceMillis: engine.nowMillis, signal },
    );
    expect(await step.deliverFor(50 * MINUTE)).toBe(2);
    expect(letters()).toEqual([]);
    expect(await step.deliverFor(HOUR)).toBe(1);
    expect(lettersOf()).toEqual([0, 1]);
    await savePause(checkpoints, paused, { sinceMillis: undefined, signal });
    engine.nowMillis += MINUTE;
    expect(await step.deliver()).toBe(0);
    expect(database.numbers).toEqual([2, 3]);
  });

  test('of a long retention waits as long as that retention says', async () => {
    engine.log.increaseStreamRetentionPeriod({ StreamName: 'in', RetentionPeriodHours: 30 * 24 });
    const database = newDatabase();
    const step = stepInto(engine, database);
    await oldAndYoung(29 * 24 * HOUR);
    database.isDown = true;
    expect(await step.deliverFor(HOUR)).toBe(2);
    expect(letters()).toEqual([]);
    engine.nowMillis += 20 * HOUR;
    expect(await step.deliverFor(30 * MINUTE)).toBe(1);
    expect(lettersOf()).toEqual([0, 1]);
  });
});
