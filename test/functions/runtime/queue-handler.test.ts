import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { SQSEvent } from 'aws-lambda';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { EventRejected } from '../../../functions/runtime/errors.ts';
import { openQueueHandler } from '../../../functions/runtime/queue-handler.ts';
import { defineSource, type ItemSource } from '../../../functions/runtime/source.ts';
import type { StepSurroundings } from '../../../functions/runtime/step.ts';
import { type Engine, eventsOf, invocation, startEngine } from './engine-kit.ts';

const CONFIG = { output: { stream: 'out' }, queue: 'https://queue', options: {}, resources: {} };

/**
 * A source whose items are lists of numbers in memory, read two at a time. A 13 is a bad row. `gone` items cannot be
 * read.
 */
const lists = (items: ReadonlyMap<string, readonly number[]>, onPage: () => void = () => undefined) =>
  defineSource({
    options: z.object({}),
    resources: z.object({}),
    open: (): ItemSource<number> => ({
      announced: (body) => {
        if (body === 'nonsense') throw new EventRejected('undecodable', 'the message announces no list');
        return body === '' ? [] : [{ laneKey: 'all', identity: body, item: { name: body } }];
      },
      async *readItem(item, position) {
        const numbers = items.get((item as { name: string }).name);
        if (numbers === undefined) throw new EventRejected('refused', 'the list is gone');
        for (let at = position ?? 0; at < numbers.length; at += 2) {
          onPage();
          const page = numbers.slice(at, at + 2).map((number, index) => ({ number, place: at + index }));
          yield {
            events: page
              .filter(({ number }) => number !== 13)
              .map(({ number, place }) => ({
                type: 'number.read',
                time: '2026-01-01T00:00:00Z',
                key: 'k',
                dataBytes: Buffer.from(String(number)),
                place,
              })),
            rejections: page
              .filter(({ number }) => number === 13)
              .map(({ place }) => ({
                at: String(place),
                reason: 'schema' as const,
                message: 'bad',
                bytes: Buffer.from('13'),
              })),
            position: at + 2,
          };
        }
      },
    }),
  });

describe('a source of items', () => {
  let engine: Engine;
  let queue: { body: string; delaySeconds: number }[];
  beforeEach(async () => {
    engine = await startEngine();
    engine.log.createStream({ StreamName: 'out', ShardCount: 1 });
    queue = [];
  });
  afterEach(() => engine.stop());

  const sqs = {
    send: async (command: unknown) => {
      if (!(command instanceof SendMessageCommand)) throw new Error('the queue takes messages only');
      queue.push({ body: command.input.MessageBody ?? '', delaySeconds: command.input.DelaySeconds ?? 0 });
      return {};
    },
  } as Pick<SQSClient, 'send'>;
  const open = (source: ReturnType<typeof lists>, changes: Partial<StepSurroundings> = {}) =>
    openQueueHandler(source, { ...engine.surroundings(CONFIG), ...changes, sqs });
  const message = (body: string): SQSEvent => ({ Records: [{ messageId: `id of ${body}`, body }] }) as SQSEvent;
  const numbers = () => eventsOf(engine.log, 'out').map(({ data }) => data);
  /** Returns the events as a reader takes them: it drops those whose sequence is not above their source's last one. */
  const seen = () => {
    const marks = new Map<string, string>();
    return eventsOf(engine.log, 'out').flatMap(({ source, sequence, data }) => {
      if (sequence <= (marks.get(source) ?? '')) return [];
      marks.set(source, sequence);
      return [data];
    });
  };

  test('reads an item to its end once, however often it is announced', async () => {
    const source = lists(new Map([['a', [1, 2, 3]]]));
    const handler = open(source);
    expect(await handler(message('a'), invocation())).toEqual({ batchItemFailures: [] });
    await handler(message('a'), invocation());
    await open(source)(message('a'), invocation());
    expect(numbers()).toEqual([1, 2, 3]);
    expect(queue).toEqual([]);
  });

  test('reads one item after another', async () => {
    const handler = open(
      lists(
        new Map([
          ['a', [1, 2, 3]],
          ['b', [4]],
        ]),
      ),
    );
    await handler(message('a'), invocation());
    await handler(message('b'), invocation());
    expect(seen()).toEqual([1, 2, 3, 4]);
  });

  test('sends the message of an item that outlasts the invocation again, and continues in the middle of the item', async () => {
    const source = lists(new Map([['a', [1, 2, 3, 4, 5]]]), () => {
      engine.nowMillis += 30_000;
    });
    await open(source)(message('a'), invocation(40_000));
    expect(numbers()).toEqual([1, 2, 3, 4]);
    expect(queue).toEqual([{ body: 'a', delaySeconds: 0 }]);
    engine.nowMillis += 60_000;
    await open(source)(message('a'), invocation());
    expect(numbers()).toEqual([1, 2, 3, 4, 5]);
  });

  test('duplicates nothing when the process dies after an append', async () => {
    const source = lists(new Map([['a', [1, 2, 3]]]));
    const { dynamodb } = engine.surroundings(CONFIG);
    let updates = 0;
    const dying = {
      send: (command: object, options: object) => {
        // The lease, the beginning of the item, and the position after the first page.
        if (command.constructor.name === 'UpdateItemCommand' && ++updates >= 3)
          return Promise.reject(new Error('killed'));
        return (dynamodb.send as (command: object, options: object) => unknown).call(dynamodb, command, options);
      },
    } as never;
    const reply = await open(source, { dynamodb: dying })(message('a'), invocation());
    expect(reply.batchItemFailures).toEqual([{ itemIdentifier: 'id of a' }]);
    expect(numbers()).toEqual([1, 2]);
    engine.nowMillis += 61_000;
    await open(source)(message('a'), invocation());
    expect(numbers()).toEqual([1, 2, 1, 2, 3]);
    expect(seen()).toEqual([1, 2, 3]);
  });

  test('finishes the item that an earlier invocation left in the lane before it begins the next', async () => {
    const source = lists(
      new Map([
        ['a', [1, 2, 3]],
        ['b', [4]],
      ]),
      () => {
        engine.nowMillis += 30_000;
      },
    );
    await open(source)(message('a'), invocation(10_000));
    engine.nowMillis += 60_000;
    await open(source)(message('b'), invocation(300_000));
    expect(seen()).toEqual([1, 2, 3, 4]);
  });

  test('sends the message again, delayed, when another invocation holds the lane', async () => {
    let twin: Promise<unknown> | undefined;
    const items = new Map([
      ['a', [1]],
      ['b', [2]],
    ]);
    const handler = open(
      lists(items, () => {
        twin ??= open(lists(items))(message('b'), invocation());
      }),
    );
    const first = handler(message('a'), invocation());
    await first;
    await twin;
    expect(queue).toEqual([{ body: 'b', delaySeconds: 5 }]);
    await handler(message('b'), invocation());
    expect(seen()).toEqual([1, 2]);
  });

  test('makes dead letters of bad rows, and goes on', async () => {
    await open(lists(new Map([['a', [1, 13, 3]]])))(message('a'), invocation());
    expect(numbers()).toEqual([1, 3]);
    expect([...engine.letters.values()]).toMatchObject([{ reason: 'schema', text: '13' }]);
  });

  test('makes a dead letter of an item that cannot be read any further, and the lane goes on', async () => {
    const handler = open(lists(new Map([['b', [2]]])));
    expect(await handler(message('a'), invocation())).toEqual({ batchItemFailures: [] });
    await handler(message('b'), invocation());
    expect([...engine.letters.values()]).toMatchObject([
      { reason: 'refused', message: 'the list is gone', at: 'item' },
    ]);
    expect(numbers()).toEqual([2]);
  });

  test('makes a dead letter of a message that it cannot read, and ignores one that announces no item', async () => {
    const handler = open(lists(new Map()));
    expect(await handler(message('nonsense'), invocation())).toEqual({ batchItemFailures: [] });
    expect(await handler(message(''), invocation())).toEqual({ batchItemFailures: [] });
    expect([...engine.letters.values()]).toMatchObject([{ shard: 'announcements', text: 'nonsense' }]);
  });

  test('leaves the message in the queue when the log is down', async () => {
    const kinesis = {
      send: () => Promise.reject(Object.assign(new Error('no'), { name: 'AccessDeniedException', $fault: 'client' })),
    };
    const handler = open(lists(new Map([['a', [1]]])), { kinesis: kinesis as never });
    expect(await handler(message('a'), invocation())).toEqual({ batchItemFailures: [{ itemIdentifier: 'id of a' }] });
    expect(engine.lines.some((line) => line.includes('"level":"error"'))).toBe(true);
  });

  describe('an item that kills its function', () => {
    /** The process dies at the second page of `deadly`: reading never returns. */
    function killing() {
      let died = Promise.withResolvers<'died'>();
      const lists_ = new Map([
        ['deadly', [1, 2, 3, 4]],
        ['next', [5, 6]],
      ]);
      let isMended = false;
      const source = defineSource({
        ...lists(lists_),
        open: (context: never): ItemSource<number> => {
          const opened = lists(lists_).open(context);
          return {
            ...opened,
            async *readItem(item, position, signal) {
              for await (const page of opened.readItem(item, position, signal)) {
                if (!isMended && (item as { name: string }).name === 'deadly' && page.position > 2) {
                  died.resolve('died');
                  await new Promise(() => undefined);
                }
                yield page;
              }
            },
          };
        },
      });
      return {
        source,
        mend: () => {
          isMended = true;
        },
        async deliver(body: string, changes: Partial<StepSurroundings> = {}) {
          died = Promise.withResolvers();
          // A dead process keeps its lease until its invocation's time would have ended.
          engine.nowMillis += 10 * 60_000;
          return Promise.race([open(source as never, changes)(message(body), invocation()), died.promise]);
        },
      };
    }

    test('three times in a row at the same position is rejected from there on, and its lane goes on', async () => {
      const { deliver } = killing();
      // The first process is the one that got this far.
      for (let time = 0; time <= 3; time++) expect(await deliver('deadly')).toBe('died');
      expect(await deliver('next')).toEqual({ batchItemFailures: [] });
      expect(await deliver('deadly')).toEqual({ batchItemFailures: [] });
      expect(seen()).toEqual([1, 2, 5, 6]);
      expect([...engine.letters.values()]).toMatchObject([
        {
          reason: 'killed',
          at: 'item',
          message: expect.stringMatching(/died 3 times in a row at the same position/),
          text: '{"name":"deadly"}',
        },
      ]);
    });

    test('is read to its end by code that was deployed in time', async () => {
      const { deliver, mend } = killing();
      for (let time = 0; time <= 3; time++) await deliver('deadly');
      mend();
      const config = { ...engine.surroundings(CONFIG).config, generation: 'g2' };
      expect(await deliver('deadly', { config })).toEqual({ batchItemFailures: [] });
      expect(engine.letters.size).toBe(0);
      expect(seen()).toEqual([1, 2, 3, 4]);
    });

    test('is distinguished from an item whose stream is down for an hour', async () => {
      const { deliver, mend } = killing();
      mend();
      const down = { send: () => Promise.reject(Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })) };
      // Four deaths would have the item rejected. Each attempt gets a second: a busy machine must reach the stream in
      // it.
      for (let time = 0; time < 4; time++) {
        const source = lists(new Map([['deadly', [1]]]));
        const reply = await open(source, { kinesis: down as never })(message('deadly'), invocation(2_500));
        expect(reply.batchItemFailures).toHaveLength(1);
        engine.nowMillis += 15 * 60_000;
      }
      expect(await deliver('deadly')).toEqual({ batchItemFailures: [] });
      expect(engine.letters.size).toBe(0);
      expect(seen()).toEqual([1, 2, 3, 4]);
    });
  });
});
