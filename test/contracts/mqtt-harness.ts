import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { PulledSource } from '../../functions/runtime/source.ts';
import { mqttDefinition, mqttSource } from '../../functions/sources/mqtt/mqtt.ts';
import { noDeadline } from '../eventually.ts';
import { type Broker, startBroker } from '../functions/sources/mqtt/broker.ts';

/**
 * A broker gives a message no place, so nobody can read on from a position: the suite of pulled sources does not hold.
 * This one checks what the runtime needs instead: no event takes the place of another one, and none is lost.
 */
export function mqttContract(): void {
  describe('mqtt, as a pulled source whose messages have no place', () => {
    test('gives every run a generation of its own, which it stores before its first message', () =>
      withBroker(async (broker, source) => {
        const first = await firstPages(source, undefined, { count: 1 });
        expect(first).toMatchObject([{ events: [], generation: 1 }]);
        const second = await firstPages(source, first[0]?.position, { count: 2 });
        expect(second).toMatchObject([
          { events: [], generation: 2 },
          { events: [], generation: 2 },
        ]);
        await broker.publish('numbers', '{"n":1}');
        const third = await firstPages(source, second[1]?.position, { count: 3 });
        expect(third.map(({ generation }) => generation)).toEqual([3, 3, 3]);
      }));

    test('delivers again what was not acknowledged, and yields no more events than it is asked for', () =>
      withBroker(async (broker, source) => {
        const [, subscribed] = await firstPages(source, undefined, { count: 2 });
        for (let n = 1; n <= 5; n++) await broker.publish('numbers', `{"n":${n}}`);
        const dead = await firstPages(source, subscribed?.position, { count: 3, most: 2 });
        expect(dead[2]?.events).toHaveLength(2);
        const again = await firstPages(source, subscribed?.position, { count: 5, most: 2 });
        expect(again.flatMap(({ events }) => events.map(dataOf))).toEqual([1, 2, 3, 4, 5].map((n) => ({ n })));
      }));

    test('refuses a position that is not its own, and has one that is small JSON', () =>
      withBroker(async (_, source) => {
        expect(source.position.safeParse({ place: 'elsewhere' }).success).toBe(false);
        const [page] = await firstPages(source, undefined, { count: 1 });
        expect(source.position.parse(JSON.parse(JSON.stringify(page?.position)))).toEqual(page?.position);
      }));

    test('ends without an error when the run has to end, and throws when the signal aborts', () =>
      withBroker(async (_, source) => {
        const ending = new AbortController();
        const pages: unknown[] = [];
        for await (const page of source.read(undefined, { ending: ending.signal, signal: noDeadline(), most: 10 })) {
          pages.push(page);
          if (pages.length === 2) ending.abort();
        }
        expect(pages).toHaveLength(2);
        const abort = new AbortController();
        const reading = source.read(undefined, { ending: noDeadline(), signal: abort.signal, most: 10 });
        const rest = (async () => {
          let count = 0;
          for await (const _page of reading)
            if (++count === 2) setTimeout(() => abort.abort(new Error('time is over')));
        })();
        await expect(rest).rejects.toThrow('time is over');
      }));
  });
}

async function withBroker(use: (broker: Broker, source: PulledSource<unknown>) => Promise<void>): Promise<void> {
  const broker = await startBroker();
  const schema = z.object({ n: z.int() });
  const { options } = mqttSource({ broker: broker.url, topic: 'numbers', schema, type: 'number.sent', key: 'n' });
  const source = mqttDefinition.open({
    step: 'pipeline/step',
    pipelines: [],
    options: mqttDefinition.options.parse(JSON.parse(JSON.stringify(options))),
    resources: mqttDefinition.resources.parse({}),
  }) as PulledSource<unknown>;
  try {
    await use(broker, source);
  } finally {
    await broker.stop();
  }
}

/** Reads pages, and dies then: the last page is not acknowledged. */
async function firstPages(
  source: PulledSource<unknown>,
  from: unknown,
  { count, most = 10 }: { readonly count: number; readonly most?: number },
) {
  const pages = [];
  for await (const page of source.read(from, { ending: noDeadline(), signal: noDeadline(), most })) {
    pages.push(page);
    if (pages.length === count) break;
  }
  return pages;
}

const dataOf = ({ dataBytes }: { readonly dataBytes: Uint8Array }): unknown =>
  JSON.parse(Buffer.from(dataBytes).toString());
