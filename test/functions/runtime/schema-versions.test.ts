import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import type { OutgoingEvent } from '../../../functions/runtime/event.ts';
import { openLogWriter } from '../../../functions/runtime/log/log-writer.ts';
import { decodeRecord } from '../../../functions/runtime/record-codec/decode.ts';
import { encodeEvent } from '../../../functions/runtime/record-codec/encode.ts';
import type { StepConfig } from '../../../functions/runtime/step-config.ts';
import { defineTransform } from '../../../functions/runtime/transform.ts';
import { openTransform } from '../../../functions/runtime/transform-handler.ts';
import { deliveries, type Engine, eventsOf, invocation, startEngine } from './engine-kit.ts';
import { NEVER } from './log/log-kit.ts';

const OLD = z.object({ n: z.int(), kind: z.enum(['a']) });
const NEW = z.object({ n: z.int(), kind: z.enum(['a', 'b']), note: z.string().optional() });

/** Transforms that read by a schema of their own: the old one leaves a note out, and refuses the kind `b`. */
const CODE = {
  old: passing(OLD),
  new: passing(NEW),
};
type Age = keyof typeof CODE;

function passing(schema: z.ZodType<{ n: number }>) {
  return defineTransform({
    entry: import.meta.url,
    from: schema,
    to: z.object({}).loose(),
    apply: ({ data }) => [{ type: 'thing.passed', data }],
  });
}

const VERSIONS: Readonly<Record<Age, NonNullable<StepConfig['versions']>>> = {
  old: { reads: ['v1'] },
  new: { reads: ['v1', 'v2'], writes: 'v2' },
};

let engine: Engine;
let runs = 0;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine.stop());
afterEach(() => engine.letters.clear());

/** Two transforms in a row, each of which is deployed by itself, and the program that writes before them. */
function chain() {
  const run = `r${++runs}`;
  const [into, between, out] = ['in', 'between', 'out'].map((name) => `${run}-${name}`) as [string, string, string];
  for (const StreamName of [into, between, out]) engine.log.createStream({ StreamName, ShardCount: 1 });
  const open = (step: string, age: Age, [from, to]: readonly [string, string]) =>
    openTransform(
      CODE[age],
      engine.surroundings({
        step: `${run}-${step}`,
        generation: age,
        versions: VERSIONS[age],
        input: { stream: from, own: ['/p/first/', `/p/${run}-one/`], start: 'earliest' },
        output: { stream: to },
      }),
    );
  const opened = { one: open('one', 'old', [into, between]), two: open('two', 'old', [between, out]) };
  return {
    deploy(step: 'one' | 'two', age: Age): void {
      opened[step] = open(step, age, step === 'one' ? [into, between] : [between, out]);
    },
    async deliver(step: 'one' | 'two'): Promise<boolean> {
      const replies = [];
      for (const event of deliveries(engine.log, step === 'one' ? into : between))
        replies.push(await opened[step](event, invocation()));
      return replies.every(({ batchItemFailures }) => batchItemFailures.length === 0);
    },
    send: (age: Age, n: number, source = '/p/first/x/s/g') =>
      openLogWriter({ kinesis: engine.kinesis, stream: into, version: VERSIONS[age].writes }).append(
        [outgoing(source, n, age === 'old' ? { n, kind: 'a' } : { n, kind: 'b', note: `note ${n}` })],
        NEVER,
      ),
    /** What has come out, each once: a step that is deployed may append the batch in flight again. */
    came: () => [...new Set(eventsOf(engine.log, out).map(({ data }) => JSON.stringify(data)))].sort(),
  };
}

function outgoing(source: string, n: number, data: object): OutgoingEvent {
  const sequence = String(n).padStart(8, '0');
  const dataBytes = Buffer.from(JSON.stringify(data));
  const attributes = { id: sequence, type: 'thing.made', time: '2026-01-01T00:00:00Z', key: 'k' };
  return { ...attributes, source, sequence, traceparent: undefined, dataBytes };
}

const actions = fc.array(
  fc.oneof(
    fc.record({ send: fc.constantFrom<Age>('old', 'new') }),
    fc.record({ deploy: fc.constantFrom('one' as const, 'two' as const), age: fc.constantFrom<Age>('old', 'new') }),
    fc.record({ deliver: fc.constantFrom('one' as const, 'two' as const) }),
  ),
  { minLength: 4, maxLength: 14 },
);

test('deployments in any order, forth and back, lose no event and no field of one', async () => {
  await fc.assert(
    fc.asyncProperty(actions, async (all) => {
      const steps = chain();
      const expected: object[] = [];
      for (const action of all) {
        if ('send' in action) {
          const n = expected.length;
          expected.push(action.send === 'old' ? { n, kind: 'a' } : { n, kind: 'b', note: `note ${n}` });
          await steps.send(action.send, n);
        } else if ('deploy' in action) steps.deploy(action.deploy, action.age);
        else await steps.deliver(action.deliver);
      }
      for (const step of ['one', 'two'] as const) {
        steps.deploy(step, 'new');
        expect(await steps.deliver(step)).toBe(true);
      }
      expect(steps.came()).toEqual(expected.map((data) => JSON.stringify(data)).sort());
      expect(engine.letters.size).toBe(0);
    }),
    { numRuns: 40, seed: 20_261_130 },
  );
});

test('a step waits at an event of a version that it does not know, says which, and goes on once it is deployed', async () => {
  const steps = chain();
  await steps.send('old', 1);
  expect(await steps.deliver('one')).toBe(true);
  await steps.send('new', 2);
  expect(await steps.deliver('one')).toBe(false);
  expect(engine.lines.at(-1)).toContain('has version v2 of its schema, which this function does not know');
  expect(engine.letters.size).toBe(0);
  steps.deploy('one', 'new');
  expect(await steps.deliver('one')).toBe(true);
});

test('a step takes the version that a producer outside claims for its event', async () => {
  const steps = chain();
  await steps.send('new', 1, '/somebody/else');
  expect(await steps.deliver('one')).toBe(true);
  expect(engine.letters.size).toBe(1);
});

test('an event says its version unless that is the first one, in any order of its attributes', () => {
  const event = { ...outgoing('/p/first/x/s/g', 1, { n: 1 }), dataSchema: 'millrace:v2' };
  const read = (bytes: Uint8Array) => {
    const [entry] = decodeRecord(
      { sequenceNumber: '1', partitionKey: 'k', data: bytes, approximateArrivalMillis: 0 },
      { name: 'in' },
    ).entries;
    if (entry === undefined || 'rejection' in entry) throw new Error('the record has no event');
    return entry.event.dataSchema;
  };
  const encoded = Buffer.from(encodeEvent(event)).toString();
  expect(encoded).toContain('"type":"thing.made","dataschema":"millrace:v2","time"');
  const reordered = JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(encoded) as object).reverse()));
  expect([encoded, reordered].map((text) => read(Buffer.from(text)))).toEqual(['millrace:v2', 'millrace:v2']);
  const first = Buffer.from(encodeEvent({ ...event, dataSchema: undefined })).toString();
  expect(first).not.toContain('dataschema');
  expect(read(Buffer.from(first))).toBeUndefined();
  expect(read(Buffer.from(encoded.replace('millrace:v2', 'https://example.com/v2')))).toBeUndefined();
});
