import type { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { decodeState } from '../../../../functions/runtime/checkpoints/step-state.ts';
import { PORTION, type PortionBounds } from '../../../../functions/runtime/log/portion.ts';
import { newAggregate } from '../../../../functions/runtime/record-codec/aggregate.ts';
import type { Progress } from '../../../../functions/runtime/sink.ts';
import { openSink } from '../../../../functions/runtime/sink-handler.ts';
import type { StepSurroundings } from '../../../../functions/runtime/step.ts';
import { defineTransform } from '../../../../functions/runtime/transform.ts';
import { openTransform } from '../../../../functions/runtime/transform-handler.ts';
import { deliveries, type Engine, eventsOf, invocation, plainSink, startEngine } from '../engine-kit.ts';

const Number_ = z.number();
/** Passes even numbers on. */
const evens = defineTransform({
  entry: import.meta.url,
  from: Number_,
  to: Number_,
  apply: (event) => {
    if (event.data % 2 === 1) throw new Error('odd');
    return [event];
  },
});

const CONFIG = { input: { stream: 'in', own: [], start: 'earliest' }, output: { stream: 'out' } };

describe('a portion of a batch', () => {
  let engine: Engine;
  beforeEach(async () => {
    engine = await startEngine();
    engine.log.createStream({ StreamName: 'in', ShardCount: 1 });
    engine.log.createStream({ StreamName: 'out', ShardCount: 1 });
  });
  afterEach(() => engine.stop());

  /** Puts a record with many events into the stream. */
  const put = (texts: readonly string[]) => {
    const aggregate = newAggregate({ maxBytes: 1_000_000 });
    for (const text of texts) if (!aggregate.add('k', Buffer.from(text))) throw new Error('the record is full');
    engine.log.putRecord({ StreamName: 'in', PartitionKey: 'k', Data: aggregate.finish() });
  };
  const numbered = (from: number, count: number) => Array.from({ length: count }, (_, index) => String(from + index));
  const deliver = async (handler: (event: never, of: ReturnType<typeof invocation>) => Promise<unknown>) =>
    (await handler(deliveries(engine.log, 'in')[0] as never, invocation())) as { batchItemFailures: readonly object[] };
  const surroundings = (changes: Partial<StepSurroundings> = {}, config: object = {}) => ({
    ...engine.surroundings({ ...CONFIG, ...config }),
    ...changes,
  });

  /**
   * Delivers the batch to new processes until one finishes it. The first one's call of this number fails, if it has so
   * many.
   */
  async function deliverUntilDone(run: {
    readonly step: string;
    readonly failing: number;
    boundsOf(attempt: number): PortionBounds;
  }): Promise<boolean> {
    let calls = 0;
    for (let attempt = 0, failed = false; ; attempt++) {
      const { dynamodb, s3 } = surroundings();
      const isNext = (): boolean => attempt === 0 && calls++ === run.failing;
      const [table, bucket] = [failingAt(dynamodb, isNext), failingAt(s3, isNext)];
      const changes = { portion: run.boundsOf(attempt), dynamodb: table.client, s3: bucket.client };
      const handler = openTransform(evens, surroundings(changes, { step: run.step }));
      const { batchItemFailures } = await deliver(handler);
      failed ||= table.hasFailed() || bucket.hasFailed();
      if (batchItemFailures.length === 0) return failed;
    }
  }

  test('ends after a bounded number of rejections, and the position moves with it', async () => {
    for (let record = 0; record < 3; record++) put(numbered(0, 20_000).fill('x'));
    const { s3, dynamodb } = surroundings();
    const stored: string[] = [];
    const noting = {
      send(command: PutObjectCommand) {
        stored.push(command.input.Key ?? '');
        return s3.send(command);
      },
    };
    let moves = 0;
    const calls = failingAt(dynamodb, (command) => movesPosition(command) && ++moves === 2);
    const handler = openTransform(evens, surroundings({ s3: noting as never, dynamodb: calls.client }));
    expect((await deliver(handler)).batchItemFailures).toHaveLength(1);
    // Two records reach the bound together. What was stored of the third is stored again, as the same object.
    expect(engine.letters.size).toBe(60_000);
    expect(await deliver(handler)).toEqual({ batchItemFailures: [] });
    expect(stored.map((key) => key.split('.')[2])).toEqual(['40000', '20000', '20000']);
    expect(stored[1]).toBe(stored[2]);
    expect(engine.letters.size).toBe(60_000);
  });

  test('is repeated after any failed call, cut otherwise too, and no letter or output is lost or doubled', async () => {
    for (let record = 0; record < 6; record++) put(['x', ...numbered(record * 10, 4)]);
    const numbers = [0, 1, 2, 3, 4, 5].flatMap((record) => numbered(record * 10, 4)).map(Number);
    const odd = numbers.filter((number) => number % 2 === 1).map(String);
    const bounds = [
      { events: 4, rejections: 100, bytes: 1_000_000 },
      { events: 100, rejections: 2, bytes: 1_000_000 },
      { events: 100, rejections: 100, bytes: 12 },
      PORTION,
    ];
    const boundsOf = (index: number, attempt: number) => bounds[(index + attempt) % bounds.length] as PortionBounds;
    const repeated = [];
    for (const index of bounds.keys()) {
      for (let failing = 0; ; failing++) {
        const step = `s${index}-${failing}`;
        engine.letters.clear();
        const happened = await deliverUntilDone({ step, failing, boundsOf: (attempt) => boundsOf(index, attempt) });
        const out = eventsOf(engine.log, 'out').filter(({ source }) => source.startsWith(`/p/${step}/`));
        const once = new Map(out.map(({ source, sequence, data }) => [`${source} ${sequence}`, Number(data)]));
        expect([...once.values()]).toEqual(numbers.filter((number) => number % 2 === 0));
        const letters = [...engine.letters.values()].map(({ text }) => text).sort();
        expect(letters).toEqual([...odd, ...Array(6).fill('x')].sort());
        if (!happened) break;
        repeated.push(step);
      }
    }
    expect(repeated.length).toBeGreaterThan(40);
  });

  test.each(['continuous', 'scheduled'])(
    'bounds the rejections in the state of a %s sink that keeps its progress',
    async (delivery) => {
      for (let record = 0; record < 12; record++) put(numbered(record * 10, 5));
      const progress = new Map<string, Progress>();
      const kept: number[] = [];
      const refusing = plainSink(() => ({
        async write(slice) {
          const events = (await Array.fromAsync(slice.pages)).flat();
          const rejections = events.map(({ position: at, original: bytes }) => ({
            at,
            reason: 'refused' as const,
            message: 'no number is welcome',
            bytes,
          }));
          const next = slice.progress(rejections);
          progress.set(slice.shard, next);
          kept.push(decodeState(next.state).rejections.length);
          return rejections;
        },
        loadProgress: async (shard) => progress.get(shard),
        isEmpty: async () => true,
      }));
      const portion = { ...PORTION, events: 20 };
      const handler = openSink(refusing, surroundings({ portion }, { options: {}, resources: {}, output: undefined }));
      if (delivery === 'continuous') expect(await deliver(handler as never)).toEqual({ batchItemFailures: [] });
      else await handler({}, invocation());
      expect(Math.max(...kept)).toBe(20);
      expect(kept.at(-1)).toBe(0);
      expect(engine.letters.size).toBe(60);
    },
  );
});

/** Tells whether a call moves the state of a shard. */
function movesPosition({ input }: { readonly input: object }): boolean {
  const { Key, UpdateExpression } = input as { Key?: { key?: { S?: string } }; UpdateExpression?: string };
  return UpdateExpression !== undefined && /^[^/]+\/shardId-/.test(Key?.key?.S ?? '');
}

/** A client whose call fails once where `isNext` says so. A call that fails has no effect. */
function failingAt<Client extends { send: unknown }>(
  client: Client,
  isNext: (command: { readonly input: object }) => boolean,
): { readonly client: Client; hasFailed(): boolean } {
  let failed = false;
  const send = (command: { readonly input: object }, options: unknown): unknown => {
    if (!failed && isNext(command)) {
      failed = true;
      return Promise.reject(new Error('the service is down'));
    }
    return (client.send as (command: unknown, options: unknown) => unknown).call(client, command, options);
  };
  return { client: { send } as unknown as Client, hasFailed: () => failed };
}
