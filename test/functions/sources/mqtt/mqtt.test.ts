import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { UserMistake } from '../../../../functions/runtime/errors.ts';
import { openPullHandler } from '../../../../functions/runtime/pull-handler.ts';
import type { PulledPage, PulledSource } from '../../../../functions/runtime/source.ts';
import { mqttDefinition, mqttSource } from '../../../../functions/sources/mqtt/mqtt.ts';
import { definePipeline } from '../../../../infra/pipelines/pipeline.ts';
import { machines } from '../../../../infra/reference/connector-examples.ts';
import { eventually, noDeadline } from '../../../eventually.ts';
import { type Engine, eventsOf, invocation, startEngine } from '../../runtime/engine-kit.ts';
import { type Broker, startBroker } from './broker.ts';

const Reading = z.object({ sensor: z.string(), nr: z.int(), value: z.number() });
const common = { topic: 'plants/+/sensors/+', schema: Reading, type: 'reading.sent', key: 'topic(2)' } as const;

let broker: Broker;
beforeEach(async () => {
  broker = await startBroker();
});
afterEach(() => broker.stop());

const reading = (nr: number, sensor = 's') => JSON.stringify({ sensor, nr, value: nr / 2 });

function open(more: object = {}): PulledSource<unknown> {
  const { options } = mqttSource({ broker: broker.url, ...common, ...more });
  return mqttDefinition.open({
    step: 'pipeline/step',
    pipelines: [],
    options: mqttDefinition.options.parse(JSON.parse(JSON.stringify(options))),
    resources: mqttDefinition.resources.parse({}),
  }) as PulledSource<unknown>;
}

/** A run that is read page by page. */
function running(source: PulledSource<unknown>, from?: unknown) {
  const ending = new AbortController();
  const pages = source.read(from, { ending: ending.signal, signal: noDeadline(), most: 100 })[Symbol.asyncIterator]();
  return {
    async next(): Promise<PulledPage<unknown>> {
      const { value } = await pages.next();
      return value as PulledPage<unknown>;
    },
    /** Reads on until a page has an event or a rejection. */
    async nextFull(): Promise<PulledPage<unknown>> {
      for (;;) {
        const page = await this.next();
        if (page.events.length + page.rejections.length > 0) return page;
      }
    },
    /** Subscribes, and resolves to the position from then on. */
    async subscribed(): Promise<unknown> {
      await this.next();
      return (await this.next()).position;
    },
    /** Ends as a process does that is killed: the page that was yielded last is not acknowledged. */
    async die(): Promise<void> {
      await pages.return?.(undefined);
    },
    async end(): Promise<void> {
      ending.abort();
      await pages.next();
    },
  };
}

test('acknowledges a message when the next page is asked for, not before', async () => {
  const run = running(open());
  await run.subscribed();
  await broker.publish('plants/north/sensors/1', reading(1));
  const page = await run.nextFull();
  expect(page.events).toMatchObject([{ type: 'reading.sent', key: 'north' }]);
  expect(Buffer.from(page.events[0]?.dataBytes ?? []).toString()).toBe(reading(1));
  await broker.publish('plants/north/sensors/1', reading(2));
  expect(broker.acknowledged).toEqual([]);
  await run.nextFull();
  await eventually(() => expect(broker.acknowledged).toEqual([reading(1)]));
  await run.end();
  await eventually(() => expect(broker.acknowledged).toEqual([reading(1), reading(2)]));
});

test('gets what came while nobody was connected, and again what a run that died did not acknowledge', async () => {
  const first = running(open());
  const position = await first.subscribed();
  await first.die();
  for (const nr of [1, 2]) await broker.publish('plants/north/sensors/1', reading(nr));
  const dying = running(open(), position);
  const page = await dying.nextFull();
  await dying.die();
  const again = running(open(), page.position);
  const repeated = await again.nextFull();
  await again.end();
  const bytes = ({ events }: PulledPage<unknown>) => events.map(({ dataBytes }) => Buffer.from(dataBytes).toString());
  expect(bytes(page)).toEqual([reading(1), reading(2)]);
  expect(bytes(repeated)).toEqual(bytes(page));
  expect(repeated.generation).toBe((page.generation ?? 0) + 1);
});

test('makes keys of levels of the topic and of fields, and takes the time of a field', async () => {
  const schema = Reading.extend({ at: z.iso.datetime() });
  const run = running(open({ schema, key: ['topic(4)', 'sensor'], time: 'at' }));
  await run.subscribed();
  const payload = JSON.stringify({ sensor: 'a', nr: 1, value: 1, at: '2026-01-31T12:00:00Z' });
  await broker.publish('plants/north/sensors/9', payload);
  const { events } = await run.nextFull();
  expect(events).toMatchObject([{ key: '9/a', time: '2026-01-31T12:00:00Z' }]);
  await run.end();
});

test.each([
  ['is no JSON', 'on', { reason: 'undecodable', message: expect.stringContaining('the payload is not JSON in UTF-8') }],
  ['does not fit the schema', '{"sensor":"s"}', { reason: 'schema', message: expect.stringContaining('nr: ') }],
])('makes a dead letter of a message that %s, with its topic, and acknowledges it', async (_, payload, rejection) => {
  const run = running(open());
  await run.subscribed();
  await broker.publish('plants/north/sensors/1', payload);
  const { events, rejections } = await run.nextFull();
  expect(events).toEqual([]);
  expect(rejections).toMatchObject([{ ...rejection, origin: { topic: 'plants/north/sensors/1' } }]);
  await run.end();
  await eventually(() => expect(broker.acknowledged).toEqual([payload]));
});

test('subscribes once, so a retained message comes once; another filter replaces the first', async () => {
  await broker.publish('plants/north/sensors/1', reading(1), { retain: true });
  const first = running(open());
  const page = await first.nextFull();
  await first.end();
  const second = running(open(), page.position);
  const position = await second.subscribed();
  await second.end();
  expect(broker.subscriptions).toEqual(['plants/+/sensors/+']);
  const third = running(open({ topic: 'plants/+/motors/+' }), position);
  await third.subscribed();
  await broker.publish('plants/north/sensors/1', reading(2));
  await broker.publish('plants/north/motors/1', reading(3));
  const { events } = await third.nextFull();
  expect(events.map(({ dataBytes }) => Buffer.from(dataBytes).toString())).toEqual([reading(3)]);
  await third.end();
});

test('stores a dead letter when the broker has forgotten the session, and subscribes again', async () => {
  const first = running(open());
  const position = await first.subscribed();
  await first.end();
  await broker.forget();
  const second = running(open(), position);
  const { rejections } = await second.next();
  expect(rejections).toMatchObject([
    {
      reason: 'expired',
      message: expect.stringContaining(
        "has forgotten the session of 'millrace-pipeline-step': messages of 'plants/+/sensors/+' from",
      ),
    },
  ]);
  await second.next();
  await broker.publish('plants/north/sensors/1', reading(1));
  expect((await second.nextFull()).events).toHaveLength(1);
  await second.end();
});

test('fails when the connection breaks, and says so', async () => {
  const run = running(open());
  await run.subscribed();
  const waiting = run.nextFull();
  broker.cutOff();
  await expect(waiting).rejects.toThrow(/closed the connection|the connection to the broker .* failed/);
});

describe('a broker that refuses makes one clear message', () => {
  const refusing = async (returnCode: number) => {
    await broker.stop();
    broker = await startBroker({
      authenticate: (...[, , , done]) => done(Object.assign(new Error('no'), { returnCode }) as never, null),
    });
  };

  test.each([
    [4, {}, /refuses a client without a user: give username, and put the password into the step's secret/],
    [
      5,
      { username: 'collector' },
      /refuses the user 'collector': check the password in the step's secret, and that the user may connect as 'millrace-pipeline-step'/,
    ],
    [2, { clientId: 'taken' }, /refuses the client id 'taken': choose another one/],
  ])('at return code %i', async (code, more, says) => {
    await refusing(code);
    const run = running(open(more)).next();
    await expect(run).rejects.toThrow(says);
    await expect(run).rejects.toThrow(UserMistake);
  });

  test('at a subscription that the user may not have', async () => {
    await broker.stop();
    broker = await startBroker({ authorizeSubscribe: (_client, _subscription, done) => done(null, null) });
    const run = running(open({ username: 'collector' }));
    await run.next();
    await expect(run.next()).rejects.toThrow(
      /refuses the subscription to 'plants\/\+\/sensors\/\+': let the user collector read these topics/,
    );
  });

  test('at an address where none is', async () => {
    const { url } = broker;
    await broker.stop();
    await expect(running(open()).next()).rejects.toThrow(
      `the broker ${url} cannot be reached: connect ECONNREFUSED 127.0.0.1:${new URL(url).port}: is it running, and may this function reach it?`,
    );
    broker = await startBroker();
  });
});

describe('when the pipeline is loaded', () => {
  test.each([
    [{ broker: 'http://broker' }, /broker: is mqtts:/],
    [{ topic: 'a/#/b' }, /'#' is the last level of a filter/],
    [{ topic: 'a+' }, /'a\+': '\+' and '#' are a level of their own/],
    [{ key: 'topic(9)' }, /key is 'topic\(9\)', and the topic 'plants\/\+\/sensors\/\+' has 4 levels/],
    [{ key: 'senser' }, /key is 'senser', a field that the schema does not declare/],
    [{ device: 'sensor' }, /give 'device' and 'number' together/],
    [{ broker: 'iot-core', username: 'me' }, /clientId and username are for a broker of your own, not for 'iot-core'/],
  ])('%j is refused', (more, says) => {
    expect(() => mqttSource({ broker: 'mqtt://127.0.0.1', ...common, ...(more as object) })).toThrow(says);
  });

  test('a device in a stream that is not idempotent is refused', () => {
    const read = mqttSource({ broker: 'iot-core', ...common, device: 'sensor', number: 'nr' });
    expect(() =>
      definePipeline({ name: 'p', streams: { s: { schema: Reading } }, sources: { a: { read, to: 's' } } }),
    ).toThrow(
      "step 'a': device and number drop what comes twice only in a stream that is idempotent: say so of stream 's'",
    );
  });
});

describe('in its function', () => {
  let engine: Engine;
  beforeEach(async () => {
    engine = await startEngine();
    engine.log.createStream({ StreamName: 'out', ShardCount: 1 });
  });
  afterEach(() => engine.stop());

  /** The names by which a reader of an idempotent stream takes events: each once. */
  const named = () => eventsOf(engine.log, 'out').map(({ source, sequence }) => `${source} ${sequence}`);

  test('an event that comes twice has its device and its number as its name, the example of docs/connectors.md too', async () => {
    const { options } = machines.sources.halls?.read ?? {};
    const config = {
      output: { stream: 'out' },
      options: { ...(options as object), broker: broker.url },
      resources: {},
    };
    const run = (surroundings = engine.surroundings(config)) =>
      openPullHandler(mqttDefinition, surroundings)({}, invocation(60_000));
    /** Runs until a check passes: then the time of the run is over. */
    const runUntil = async (check: () => void) => {
      const running = run();
      await eventually(check);
      engine.nowMillis += 60_000;
      await running;
    };
    await runUntil(() => expect(broker.subscriptions).toHaveLength(1));
    const measured = (nr: number) => JSON.stringify({ machine: 'm 1', nr, celsius: 20, at: '2026-01-31T12:00:00Z' });
    for (const nr of [1, 2]) await broker.publish('halls/east/machines/m', measured(nr));
    const dying = engine.surroundings(config);
    let saves = 0;
    const send = (command: { input: { UpdateExpression?: string } }, more: never) => {
      // The run saves its state, its generation, its subscription, and then the page.
      if (command.input.UpdateExpression?.includes('revision') && ++saves >= 4) throw new Error('the process died');
      return (dying.dynamodb.send as (...all: unknown[]) => unknown)(command, more);
    };
    await expect(run({ ...dying, dynamodb: { send } as never })).rejects.toThrow('the process died');
    engine.nowMillis += 70_000;
    await runUntil(() => expect(named()).toHaveLength(4));
    expect(named()).toEqual(['mqtt:m 1 1', 'mqtt:m 1 2', 'mqtt:m 1 1', 'mqtt:m 1 2']);
    expect(eventsOf(engine.log, 'out').map(({ key }) => key)).toEqual(Array(4).fill('east/m 1'));
  });
});
