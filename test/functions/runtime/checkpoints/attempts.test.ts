import { PutRecordsCommand } from '@aws-sdk/client-kinesis';
import type { KinesisStreamBatchResponse, KinesisStreamEvent } from 'aws-lambda';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Attempt } from '../../../../functions/runtime/checkpoints/attempts.ts';
import { openLogWriter } from '../../../../functions/runtime/log/log-writer.ts';
import type { Progress } from '../../../../functions/runtime/sink.ts';
import { openSink } from '../../../../functions/runtime/sink-handler.ts';
import type { StepSurroundings } from '../../../../functions/runtime/step.ts';
import { defineTransform } from '../../../../functions/runtime/transform.ts';
import { openTransform } from '../../../../functions/runtime/transform-handler.ts';
import { deliveries, type Engine, eventsOf, invocation, plainSink, startEngine } from '../engine-kit.ts';
import { eventOf, NEVER } from '../log/log-kit.ts';

const CONFIG = { input: { stream: 'in', own: ['/p/first/'], start: 'earliest' }, options: {}, resources: {} };

const passing = defineTransform({
  entry: import.meta.url,
  from: z.number(),
  to: z.number(),
  apply: (event) => [event],
});

type Handler = (
  event: KinesisStreamEvent,
  invocation: ReturnType<typeof invoked>,
) => Promise<KinesisStreamBatchResponse>;
const invoked = invocation;

/** A sink's work on a number, and the numbers that it has stored. */
interface Store {
  readonly numbers: unknown[];
  readonly progress: Map<string, Progress>;
  writing: (number: unknown) => Promise<void>;
}

/**
 * `keeps`: the sink keeps its progress with its numbers, as the Postgres sink does. Otherwise its slices have fixed
 * ranges, as files have.
 */
const sinkOf = (store: Store, { keeps }: { keeps: boolean }) => {
  const ranges = new Set<string>();
  return plainSink(() => ({
    async write(slice) {
      const numbers: unknown[] = [];
      for await (const page of slice.pages) {
        for (const { data } of page) {
          await store.writing(data);
          numbers.push(data);
        }
      }
      const range = `${slice.shard} ${slice.from} ${slice.to}`;
      if (!ranges.has(range)) store.numbers.push(...numbers);
      ranges.add(range);
      if (keeps) store.progress.set(slice.shard, slice.progress([]));
      return [];
    },
    isEmpty: async () => store.numbers.length === 0,
    ...(keeps ? { loadProgress: async (shard: string) => store.progress.get(shard) } : {}),
  }));
};

describe('attempts', () => {
  let engine: Engine;
  let calls: string[];
  beforeEach(async () => {
    calls = [];
    engine = await startEngine();
    engine.log.createStream({ StreamName: 'in', ShardCount: 1 });
    engine.log.createStream({ StreamName: 'out', ShardCount: 1 });
  });
  afterEach(() => engine.stop());

  const send = (from: number, to: number) =>
    openLogWriter({ kinesis: engine.kinesis, stream: 'in' }).append(
      Array.from({ length: to - from }, (_, index) => eventOf('/p/first/x/s/g', from + index, 'k')),
      NEVER,
    );
  const batch = (): KinesisStreamEvent => deliveries(engine.log, 'in')[0] as KinesisStreamEvent;

  /** The calls of the step's DynamoDB client: reads and writes of attempts and positions. */
  function counted(): StepSurroundings['dynamodb'] {
    const { dynamodb } = engine.surroundings({});
    const send = (
      command: { constructor: { name: string }; input: { Key?: { key?: { S?: string } } } },
      options: object,
    ) => {
      const key = command.input.Key?.key?.S ?? '';
      if (key !== 'control') {
        const what = key.startsWith('attempts/') ? 'attempt' : 'position';
        calls.push(`${command.constructor.name === 'GetItemCommand' ? 'read' : 'write'} ${what}`);
      }
      return (dynamodb.send as (command: object, options: object) => unknown)(command, options);
    };
    return { send } as unknown as StepSurroundings['dynamodb'];
  }

  const transform = (changes: Partial<StepSurroundings> = {}): Handler =>
    openTransform(passing, {
      ...engine.surroundings({ ...CONFIG, output: { stream: 'out' } }),
      ...changes,
    }) as Handler;
  const sink = (store: Store, keeps: boolean, changes: Partial<StepSurroundings> = {}): Handler =>
    openSink(sinkOf(store, { keeps }), { ...engine.surroundings(CONFIG), ...changes }) as Handler;
  const newStore = (writing: Store['writing'] = async () => undefined): Store => ({
    numbers: [],
    progress: new Map(),
    writing,
  });

  test('cost a steady batch nothing: its only write is its position', async () => {
    const handler = transform({ dynamodb: counted() });
    await send(0, 5);
    await handler(batch(), invoked());
    for (let round = 1; round <= 3; round++) {
      calls.length = 0;
      await send(round * 5, round * 5 + 5);
      expect(await handler(batch(), invoked())).toEqual({ batchItemFailures: [] });
      expect(calls).toEqual(['read position', 'write position']);
    }
  });

  test('cost a steady batch of a sink that keeps its own progress no write at all', async () => {
    const handler = sink(newStore(), true, { dynamodb: counted() });
    await send(0, 5);
    await handler(batch(), invoked());
    calls.length = 0;
    await send(5, 10);
    expect(await handler(batch(), invoked())).toEqual({ batchItemFailures: [] });
    expect(calls).toEqual([]);
  });

  test('are stored by a process that has not moved the shard itself, before it begins', async () => {
    await send(0, 5);
    await transform({ dynamodb: counted() })(batch(), invoked());
    expect(calls).toEqual(['read position', 'read attempt', 'write attempt', 'write attempt', 'write position']);
  });

  test('are at most 2 KB with the position', async () => {
    const written: string[] = [];
    const { dynamodb } = engine.surroundings({});
    const send_ = (
      command: { input: { ExpressionAttributeValues?: { ':state'?: { S: string } } } },
      options: object,
    ) => {
      written.push(command.input.ExpressionAttributeValues?.[':state']?.S ?? '');
      return (dynamodb.send as (command: object, options: object) => unknown)(command, options);
    };
    await send(0, 5);
    await transform({ dynamodb: { send: send_ } as never })(batch(), invoked());
    expect(written.join('').length).toBeLessThan(2_048);
    expect(written.join('')).toContain('"doing":"working"');
  });

  describe('at an event that kills the sink', () => {
    test.each([
      { keeps: true, what: 'its position with its rows' },
      { keeps: false, what: 'files named by their range' },
    ])('reject exactly that event after three deaths: a sink that keeps $what', async ({ keeps }) => {
      let dies = Promise.withResolvers<'died'>();
      let deaths = 0;
      const store = newStore((number) => {
        if (number !== 613) return Promise.resolve();
        deaths++;
        dies.resolve('died');
        return new Promise(() => undefined);
      });
      await send(0, 1_000);
      for (let tries = 0; ; tries++) {
        expect(tries).toBeLessThan(20);
        dies = Promise.withResolvers();
        const answer = await Promise.race([sink(store, keeps)(batch(), invoked()), dies.promise]);
        if (answer !== 'died' && answer.batchItemFailures.length === 0) break;
      }
      const others = Array.from({ length: 1_000 }, (_, number) => number).filter((number) => number !== 613);
      expect(store.numbers).toEqual(others);
      expect(
        [...engine.letters.values()].map(({ reason, text }) => ({ reason, data: JSON.parse(text ?? '').data })),
      ).toEqual([{ reason: 'killed', data: 613 }]);
      expect(deaths).toBeGreaterThanOrEqual(3);
    });
  });

  describe('at an event that kills a scheduled sink', () => {
    /** A process that dies keeps its lease until its invocation's time would have ended. */
    const run = (store: Store, keeps: boolean, generation = 'g1'): Promise<unknown> => {
      engine.nowMillis += 16 * 60_000;
      const surroundings = engine.surroundings({ ...CONFIG, generation });
      return openSink(sinkOf(store, { keeps }), surroundings)({}, invoked());
    };

    /** A process that never returns from such a number. */
    function killedBy(kills: (number: unknown) => boolean) {
      let died = Promise.withResolvers<'died'>();
      let deaths = 0;
      const writing = (number: unknown): Promise<void> => {
        if (!kills(number)) return Promise.resolve();
        deaths++;
        died.resolve('died');
        return new Promise(() => undefined);
      };
      return {
        store: newStore(writing),
        deaths: () => deaths,
        run: (one: Promise<unknown>) => Promise.race([one, died.promise]),
        again: () => {
          died = Promise.withResolvers();
        },
      };
    }

    test('reject exactly that event after three deaths, when the position is stored with the rows', async () => {
      const { store, again, ...killed } = killedBy((number) => number === 613);
      await send(0, 600);
      await send(600, 1_000);
      for (let runs = 0; ; runs++) {
        expect(runs).toBeLessThan(20);
        again();
        if ((await killed.run(run(store, true))) !== 'died') break;
      }
      const others = Array.from({ length: 1_000 }, (_, number) => number).filter((number) => number !== 613);
      expect(store.numbers).toEqual(others);
      expect([...engine.letters.values()]).toMatchObject([{ reason: 'killed' }]);
      await send(1_000, 1_500);
      await run(store, true);
      expect(store.numbers).toHaveLength(1_499);
    });

    test('hold a fixed range, and try it again an hour later, or at once with new code', async () => {
      const { store, again, ...killed } = killedBy((number) => number === 3 && !isMended);
      let isMended = false;
      await send(0, 5);
      for (let time = 1; time <= 3; time++) {
        again();
        expect(await killed.run(run(store, false))).toBe('died');
      }
      await expect(run(store, false)).rejects.toThrow(
        /holds shardId-0+ at .* died 3 times in a row .* cannot be rejected/,
      );
      expect(killed.deaths()).toBe(3);
      again();
      engine.nowMillis += 60 * 60_000;
      expect(await killed.run(run(store, false))).toBe('died');
      await expect(run(store, false)).rejects.toThrow(/died 4 times/);
      isMended = true;
      await run(store, false, 'g2');
      expect(store.numbers).toEqual([0, 1, 2, 3, 4]);
      expect(engine.letters.size).toBe(0);
    });

    test('are not stored when there is nothing to read', async () => {
      await send(0, 5);
      const store = newStore();
      await run(store, false);
      calls.length = 0;
      engine.nowMillis += 16 * 60_000;
      await openSink(sinkOf(store, { keeps: false }), { ...engine.surroundings(CONFIG), dynamodb: counted() })(
        {},
        invoked(),
      );
      expect(calls.filter((call) => call.endsWith('attempt'))).toEqual(['read attempt']);
    });
  });

  describe('that the process survives do not count:', () => {
    const down = () => Promise.reject(Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' }));
    const hangs = (_: unknown, { abortSignal }: { abortSignal?: AbortSignal } = {}) =>
      new Promise((_resolve, reject) => abortSignal?.addEventListener('abort', () => reject(abortSignal.reason)));
    /** A log that takes nothing, and counts its calls. */
    const taking = (put: (command: unknown, options?: { abortSignal?: AbortSignal }) => unknown) => ({
      send: (command: object, options?: object) =>
        command instanceof PutRecordsCommand
          ? put(command, options)
          : engine.kinesis.send(command as never, options as never),
    });
    const kinds = {
      transform: (_: Store, changes: Partial<StepSurroundings>) => transform(changes),
      'sink of files': (store: Store, changes: Partial<StepSurroundings>) => sink(store, false, changes),
      'sink of rows': (store: Store, changes: Partial<StepSurroundings>) => sink(store, true, changes),
    };
    const outages = [
      { kind: 'transform', what: 'the log is down', changes: () => ({ kinesis: taking(down) }) },
      { kind: 'transform', what: 'the log hangs', changes: () => ({ kinesis: taking(hangs) }) },
      { kind: 'transform', what: 'the dead-letter bucket is down', changes: () => ({ s3: { send: down } }) },
      { kind: 'sink of files', what: 'the dead-letter bucket is down', changes: () => ({ s3: { send: down } }) },
      { kind: 'sink of files', what: 'its destination is down', changes: () => ({}), writing: down },
      { kind: 'sink of rows', what: 'its destination is down', changes: () => ({}), writing: down },
      { kind: 'sink of rows', what: 'the dead-letter bucket hangs', changes: () => ({ s3: { send: hangs } }) },
    ] as const;
    test.each(outages)(
      'for an hour, by a new process each time: $what, for a $kind',
      async ({ kind, changes, ...of }) => {
        const store = newStore();
        const writing: Store['writing'] = 'writing' in of ? of.writing : store.writing;
        engine.log.putRecord({ StreamName: 'in', PartitionKey: 'k', Data: Buffer.from([1, 2, 3]) });
        await send(0, 3);
        for (let time = 0; time < 10; time++) {
          engine.nowMillis += 6 * 60_000;
          const answer = await kinds[kind]({ ...store, writing }, changes() as never)(batch(), invoked(1_600));
          expect(answer.batchItemFailures).toHaveLength(1);
        }
        expect(await kinds[kind](store, {})(batch(), invoked())).toEqual({ batchItemFailures: [] });
        const passed = kind === 'transform' ? eventsOf(engine.log, 'out').map(({ data }) => data) : store.numbers;
        expect(new Set(passed)).toEqual(new Set([0, 1, 2]));
        expect([...engine.letters.values()].map(({ reason }) => reason)).toEqual(['undecodable']);
      },
    );
  });

  test('of a process that died before it began reject no event', async () => {
    await send(0, 4);
    for (let time = 0; time < 2; time++) {
      const died = Promise.withResolvers<void>();
      const { dynamodb } = engine.surroundings({});
      const send_ = async (command: { input: { Key?: { key?: { S?: string } } } }, options: object) => {
        const answer = await (dynamodb.send as (command: object, options: object) => unknown)(command, options);
        if (command.constructor.name !== 'UpdateItemCommand') return answer;
        died.resolve();
        return new Promise(() => undefined);
      };
      void transform({ dynamodb: { send: send_ } as never })(batch(), invoked());
      await died.promise;
    }
    expect(await transform()(batch(), invoked())).toEqual({ batchItemFailures: [] });
    expect(eventsOf(engine.log, 'out').map(({ data }) => data)).toEqual([0, 1, 2, 3]);
    expect(engine.letters.size).toBe(0);
  });

  test('of a process that is still at work count as deaths, and nothing is lost, duplicated or rejected', async () => {
    await send(0, 4);
    const store = newStore();
    const goesOn = Promise.withResolvers<void>();
    const waits = Promise.withResolvers<void>();
    const writing = (): Promise<void> => {
      waits.resolve();
      return goesOn.promise;
    };
    const twin = sink({ ...store, writing }, true)(batch(), invoked());
    await waits.promise;
    expect(await sink(store, true)(batch(), invoked())).toEqual({ batchItemFailures: [] });
    expect(store.numbers).toEqual([0, 1, 2, 3]);
    goesOn.resolve();
    await twin;
    expect(engine.letters.size).toBe(0);
  });

  test('count for one generation: new code begins at none', async () => {
    await send(0, 1);
    const hanging = newStore(() => new Promise(() => undefined));
    const attempts: StoredForm[] = [];
    for (const generation of ['g1', 'g1', 'g2']) {
      const begun = Promise.withResolvers<void>();
      const { dynamodb } = engine.surroundings({});
      const send_ = async (
        command: { input: { ExpressionAttributeValues?: { ':state'?: { S: string } } } },
        options: object,
      ) => {
        const state = command.input.ExpressionAttributeValues?.[':state']?.S;
        const answer = await (dynamodb.send as (command: object, options: object) => unknown)(command, options);
        const attempt = JSON.parse(state ?? '{}') as StoredForm;
        if (attempt.doing === 'working') {
          attempts.push(attempt);
          begun.resolve();
        }
        return answer;
      };
      void openSink(sinkOf(hanging, { keeps: true }), {
        ...engine.surroundings({ ...CONFIG, generation }),
        dynamodb: { send: send_ } as never,
      })(batch(), invoked());
      await begun.promise;
    }
    expect(attempts.map(({ generation, kills }) => ({ generation, kills }))).toEqual([
      { generation: 'g1.0', kills: 0 },
      { generation: 'g1.0', kills: 1 },
      { generation: 'g2.0', kills: 0 },
    ]);
  });
});

/** An attempt as it is stored. */
type StoredForm = Omit<Attempt, 'deaths'> & { readonly kills: number };
