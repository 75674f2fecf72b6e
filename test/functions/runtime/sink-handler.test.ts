import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { StaleCheckpoint } from '../../../functions/runtime/errors.ts';
import { openLogWriter } from '../../../functions/runtime/log/log-writer.ts';
import { defineSink, type OpenSink, type Progress } from '../../../functions/runtime/sink.ts';
import { openSink } from '../../../functions/runtime/sink-handler.ts';
import type { StepSurroundings } from '../../../functions/runtime/step.ts';
import { deliveries, type Engine, invocation, startEngine } from './engine-kit.ts';
import { eventOf, NEVER } from './log/log-kit.ts';

const CONFIG = {
  input: { stream: 'in', own: ['/p/first/'], start: 'earliest' },
  options: { label: 'first' },
  resources: {},
};

/** The output of a sink under test: slices under names that follow from their range, or rows with their progress. */
interface Store {
  readonly slices: Map<string, { label: string; numbers: unknown[] }>;
  readonly rows: unknown[];
  readonly progress: Map<string, Progress>;
  /** An error that the next write throws, before or after it has taken effect. */
  fault: 'before' | 'after' | undefined;
}

const newStore = (): Store => ({ slices: new Map(), rows: [], progress: new Map(), fault: undefined });

async function numbersOf(slice: Parameters<OpenSink['write']>[0]) {
  const events = [];
  for await (const page of slice.pages) events.push(...page);
  const refused = events.filter(({ data }) => data === 13);
  const rejections = refused.map(({ position, bytes }) => ({
    at: position,
    reason: 'refused' as const,
    message: '13 brings bad luck',
    bytes,
  }));
  return { numbers: events.filter(({ data }) => data !== 13).map(({ data }) => data), rejections };
}

const Label = z.object({ label: z.string() });

/** Writes under names that follow from the range, as the S3 sink does. */
const named = (store: Store) =>
  defineSink({
    options: Label,
    resources: z.object({}),
    into: (options) => options,
    doubles: () => true,
    open: ({ options }) => ({
      async write(slice) {
        const { numbers, rejections } = await numbersOf(slice);
        if (store.fault === 'before') throw new Error('the network is down');
        if (numbers.length > 0)
          store.slices.set(`${slice.shard} ${slice.from}-${slice.to}`, { label: options.label, numbers });
        if (store.fault === 'after') throw new Error('the reply was lost');
        return rejections;
      },
      isEmpty: async () => store.slices.size === 0,
    }),
  });

/** Commits rows and progress together, as the Postgres sink does. */
const transactional = (store: Store) =>
  defineSink({
    options: Label,
    resources: z.object({}),
    into: (options) => options,
    doubles: () => true,
    open: () => ({
      async write(slice) {
        const { numbers, rejections } = await numbersOf(slice);
        if (store.fault === 'before') throw new Error('the network is down');
        const progress = slice.progress(rejections);
        if ((store.progress.get(slice.shard)?.revision ?? 0) !== progress.previous) {
          throw new StaleCheckpoint(slice.shard, progress.previous);
        }
        store.progress.set(slice.shard, progress);
        store.rows.push(...numbers);
        if (store.fault === 'after') throw new Error('the reply was lost');
        return rejections;
      },
      loadProgress: async (shard) => store.progress.get(shard),
      isEmpty: async () => store.rows.length === 0,
    }),
  });

describe('a sink', () => {
  let engine: Engine;
  let store: Store;
  beforeEach(async () => {
    engine = await startEngine();
    engine.log.createStream({ StreamName: 'in', ShardCount: 1 });
    store = newStore();
  });
  afterEach(() => engine.stop());

  const send = (numbers: readonly number[]) =>
    openLogWriter({ kinesis: engine.kinesis, stream: 'in' }).append(
      numbers.map((number) => eventOf('/p/first/x/s/g', number, `key-${number % 3}`)),
      NEVER,
    );
  const settings = (changes: Partial<StepSurroundings> = {}, config: object = {}) => ({
    ...engine.surroundings({ ...CONFIG, ...config }),
    ...changes,
  });
  const deliverAll = async (handler: ReturnType<typeof openSink>) => {
    const replies = [];
    for (const event of deliveries(engine.log, 'in')) replies.push(await handler(event, invocation()));
    return replies;
  };
  const written = () => [...store.slices.values()].flatMap(({ numbers }) => numbers);

  describe('that keeps its own progress', () => {
    const open = (changes?: Partial<StepSurroundings>) => openSink(transactional(store), settings(changes));

    test('gets each event once, whichever process writes', async () => {
      await send([1, 2]);
      await deliverAll(open());
      await send([1, 2, 3]);
      await deliverAll(open());
      expect(store.rows).toEqual([1, 2, 3]);
    });

    test('gets a slice once when the reply to its commit is lost', async () => {
      await send([1, 2]);
      store.fault = 'after';
      const handler = open();
      const [reply] = await deliverAll(handler);
      expect(reply?.batchItemFailures).toHaveLength(1);
      store.fault = undefined;
      await deliverAll(handler);
      expect(store.rows).toEqual([1, 2]);
    });

    test('loses no rejection when the process dies between the commit and the dead letter', async () => {
      await send([1, 13, 14]);
      const s3 = { send: () => Promise.reject(new Error('S3 is down')) } as never;
      const [reply] = await deliverAll(open({ s3 }));
      expect(reply?.batchItemFailures).toHaveLength(1);
      expect(store.rows).toEqual([1, 14]);
      await deliverAll(open());
      expect(store.rows).toEqual([1, 14]);
      expect([...engine.letters.values()]).toMatchObject([{ reason: 'refused', message: '13 brings bad luck' }]);
    });

    describe('and is scheduled', () => {
      const s3 = { send: () => Promise.reject(new Error('S3 is down')) } as never;

      test('loses no rejection when no event comes after the run that died', async () => {
        await send([1, 13, 14]);
        await expect(open({ s3 })({}, invocation())).rejects.toThrow('S3 is down');
        expect(store.rows).toEqual([1, 14]);
        await open()({}, invocation());
        expect(store.rows).toEqual([1, 14]);
        expect([...engine.letters.values()]).toMatchObject([{ reason: 'refused' }]);
      });

      test('loses no rejection of a shard that is read to its end, and stores each once', async () => {
        await send([1, 13, 14]);
        engine.log.updateShardCount({ StreamName: 'in', TargetShardCount: 2, ScalingType: 'UNIFORM_SCALING' });
        await send([15]);
        await expect(open({ s3 })({}, invocation())).rejects.toThrow('S3 is down');
        await open()({}, invocation());
        expect(store.rows).toEqual([1, 14, 15]);
        expect([...engine.letters.values()]).toMatchObject([{ reason: 'refused' }]);
        engine.letters.clear();
        await open()({}, invocation());
        expect(engine.letters.size).toBe(0);
      });
    });

    test('gets nothing from a twin that another process has overtaken', async () => {
      await send([1]);
      const [one, twin] = [open(), open()];
      await deliverAll(twin);
      await send([2]);
      await deliverAll(one);
      await deliverAll(twin);
      expect(store.rows).toEqual([1, 2]);
    });
  });

  describe('that is scheduled', () => {
    const open = (changes?: Partial<StepSurroundings>, config?: object) =>
      openSink(named(store), settings(changes, config));

    test('gets what came since its last run, from every shard', async () => {
      await send([1, 2]);
      const handler = open();
      await handler({}, invocation());
      await send([3]);
      await handler({}, invocation());
      await open()({}, invocation());
      expect(written()).toEqual([1, 2, 3]);
    });

    test.each(['before', 'after'] as const)(
      'writes the same range under the same name after a fault %s the write',
      async (fault) => {
        await send([1, 2]);
        store.fault = fault;
        await expect(open()({}, invocation())).rejects.toThrow();
        store.fault = undefined;
        await send([3]);
        await open()({}, invocation());
        expect([...store.slices.values()].map(({ numbers }) => numbers)).toEqual([[1, 2], [3]]);
      },
    );

    test('finishes an interrupted slice with the options that the slice was begun with, whatever was deployed since', async () => {
      await send([1]);
      store.fault = 'before';
      await expect(open()({}, invocation())).rejects.toThrow('the network is down');
      store.fault = undefined;
      await send([2]);
      await open({}, { options: { label: 'second' } })({}, invocation());
      expect([...store.slices.values()]).toEqual([
        { label: 'first', numbers: [1] },
        { label: 'second', numbers: [2] },
      ]);
    });

    test('does not read a shard while another run has the lease', async () => {
      await send([1]);
      let twin: Promise<unknown> | undefined;
      const sink = named(store);
      const handler = openSink(
        {
          ...sink,
          open: (context) => {
            const opened = sink.open(context);
            return {
              ...opened,
              write: async (slice) => {
                twin = open()({}, invocation());
                await twin;
                expect(store.slices.size).toBe(0);
                return opened.write(slice);
              },
            };
          },
        },
        settings(),
      );
      await handler({}, invocation());
      expect(twin).toBeDefined();
      expect(written()).toEqual([1]);
    });

    test('takes over a shard from a run that died, once the lease has ended', async () => {
      await send([1]);
      const dead = { awsRequestId: 'dead', getRemainingTimeInMillis: () => 60_000 };
      const { dynamodb } = engine.surroundings(CONFIG);
      let kill = false;
      const dying = {
        send: (command: object, options: object) => {
          if (kill || (command.constructor.name === 'UpdateItemCommand' && /revision/.test(JSON.stringify(command)))) {
            kill = true;
            return Promise.reject(new Error('killed'));
          }
          return (dynamodb.send as (command: object, options: object) => unknown).call(dynamodb, command, options);
        },
      } as never;
      await expect(open({ dynamodb: dying })({}, dead)).rejects.toThrow('killed');
      await open()({}, invocation());
      expect(written()).toEqual([]);
      engine.nowMillis += 61_000;
      await open()({}, invocation());
      expect(written()).toEqual([1]);
    });

    test('reads parents to their end before their children, and deduplicates in the children with the parents’ marks', async () => {
      await send([1, 2, 3]);
      engine.log.updateShardCount({ StreamName: 'in', TargetShardCount: 2, ScalingType: 'UNIFORM_SCALING' });
      await send([3, 4]);
      await open()({}, invocation());
      await open()({}, invocation());
      expect(written().sort()).toEqual([1, 2, 3, 4]);
      const [first] = [...store.slices.values()];
      expect(first?.numbers).toEqual([1, 2, 3]);
    });

    test('starts at the time of its first run, and not of a later one, when its start is latest', async () => {
      await send([1]);
      engine.nowMillis += 1_000;
      const config = { input: { ...CONFIG.input, start: 'latest' } };
      await open({}, config)({}, invocation());
      engine.nowMillis += 1_000;
      await send([2]);
      engine.nowMillis += 1_000;
      await open({}, config)({}, invocation());
      expect(written()).toEqual([2]);
    });

    test('reports no loss in a shard that had no new events for longer than the retention', async () => {
      await send([1]);
      await open()({}, invocation());
      for (let hours = 0; hours < 48; hours += 8) {
        engine.nowMillis += 8 * 3_600_000;
        await open()({}, invocation());
      }
      await send([2]);
      await open()({}, invocation());
      expect(written()).toEqual([1, 2]);
    });

    test('divides more events than fit into one slice, and loses none between the slices', async () => {
      const small = Buffer.from('1');
      for (let page = 0; page < 700; page++) {
        const Records = Array.from({ length: 500 }, () => ({ Data: small, PartitionKey: 'k' }));
        engine.log.putRecords({ StreamName: 'in', Records });
      }
      await open()({}, invocation(600_000));
      expect([...store.slices.values()].map(({ numbers }) => numbers.length)).toEqual([300_000, 50_000]);
    });

    test('reports a range that expired before it was read, and never silently starts behind it', async () => {
      await send([1]);
      await open()({}, invocation());
      await send([2]);
      engine.nowMillis += 25 * 3_600_000;
      await send([3]);
      await expect(open()({}, invocation())).rejects.toThrow(/may be lost: that record is trimmed away/);
      expect(written()).toEqual([1]);
    });

    test('reports such a range also when the retention was made longer after the loss', async () => {
      await send([1]);
      await open()({}, invocation());
      engine.nowMillis += 3_600_000;
      await open()({}, invocation());
      await send([2]);
      engine.nowMillis += 30 * 3_600_000;
      await send([3]);
      engine.log.increaseStreamRetentionPeriod({ StreamName: 'in', RetentionPeriodHours: 168 });
      await expect(open()({}, invocation())).rejects.toThrow(/may be lost: that record is trimmed away/);
      expect(written()).toEqual([1]);
    });

    test('makes dead letters of the events that the sink rejects', async () => {
      await send([1, 13]);
      await open()({}, invocation());
      expect([...engine.letters.values()]).toMatchObject([{ reason: 'refused' }]);
    });
  });

  test.each([
    { what: 'options', config: { options: { label: 7 } }, message: /the options of step 'p\/s' .*label: .*string/s },
    { what: 'resources', config: { resources: 'none' }, message: /the resources of step 'p\/s' .*object/s },
  ])('says which $what are wrong', ({ config, message }) => {
    expect(() => openSink(named(store), settings({}, config))).toThrow(message);
  });
});
