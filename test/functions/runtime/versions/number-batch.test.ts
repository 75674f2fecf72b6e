import { expect, test } from 'vitest';
import { type BatchFacts, openBatch } from '../../../../functions/runtime/batches/batch.ts';
import { noMarks } from '../../../../functions/runtime/checkpoints/marks.ts';
import { decodeState, encodeState, type StepState } from '../../../../functions/runtime/checkpoints/step-state.ts';
import { positionOf } from '../../../../functions/runtime/position.ts';
import { newAggregate } from '../../../../functions/runtime/record-codec/aggregate.ts';
import { encodeEvent } from '../../../../functions/runtime/record-codec/encode.ts';
import type { LogRecord } from '../../../../functions/runtime/record-codec/record.ts';
import type { Step } from '../../../../functions/runtime/step.ts';
import { inDoubt, numberBatch } from '../../../../functions/runtime/versions/number-batch.ts';
import { generationAfter, LEAP, leastOrdinal, versionOf } from '../../../../functions/runtime/versions/version.ts';
import { noDeadline } from '../../../eventually.ts';
import { eventOf } from '../log/log-kit.ts';

const FACTS: BatchFacts = {
  stream: 'in',
  from: 0n,
  to: 2n ** 127n,
  own: ['/p/first/'],
  names: ['p/sink'],
  numbers: true,
};
const EMPTY: StepState = { position: undefined, marks: noMarks(FACTS.from, FACTS.to), rejections: [] };
const HERE = 'a';

function recordOf(
  sequenceNumber: number,
  events: readonly (readonly [source: string, number: number, more?: object])[],
): LogRecord {
  const aggregate = newAggregate({ maxBytes: 1_000_000 });
  for (const [source, number, more] of events)
    aggregate.add(HERE, encodeEvent({ ...eventOf(source, number, HERE), ...more }));
  return {
    sequenceNumber: String(sequenceNumber),
    partitionKey: HERE,
    data: aggregate.finish(),
    approximateArrivalMillis: 1,
  };
}

const own = (number: number) => ['/p/first/x/s/g', number] as const;

/** Numbers a batch as code of a generation would, and returns the versions of its events with what was committed. */
async function numbered(
  records: readonly LogRecord[],
  { state = EMPTY, generation = 'code 1', upTo = undefined as string | undefined, highest = 7, now = 1 } = {},
) {
  const commits: StepState[] = [];
  const step = {
    config: { generation },
    name: 'p/sink',
    markPages: { store: async () => undefined },
    checkpoints: {
      async save({ state: text }: { readonly state: string }) {
        commits.push(decodeState(text));
      },
    },
    now: () => now,
  } as unknown as Step;
  const batch = openBatch(state, { ...FACTS, from: 0n, to: 2n ** 128n - 1n });
  for (const one of records) batch.take(one, upTo as never);
  let taken = 0;
  const generations = { highest: async () => highest, next: async (above: number) => Math.max(7, above + 1) + taken++ };
  const { numbering, versionOf: versionFor } = await numberBatch(
    step,
    { key: 'shard', loaded: { revision: 1, state }, ordinals: batch.ordinals },
    { generations, signal: noDeadline() },
  );
  const after = decodeState(encodeState({ ...batch.state(), numbering }));
  return { versions: batch.events.map((event) => versionFor(event)), after, commits: commits.length, taken };
}

const at = (generation: number, ordinal: number) => versionOf({ generation, ordinal });

test('a version is a generation of 15 bits above an ordinal of 48, and grows with both', () => {
  expect(at(32_767, 2 ** 48 - 1)).toBe(2n ** 63n - 1n);
  expect(at(33, 1)).toBe((33n << 48n) + 1n);
  expect(at(2, 0) > at(1, 2 ** 48 - 1)).toBe(true);
});

test('after 32,767 generations the destination is refused, and not written with a version that is taken', () => {
  expect(generationAfter(32_766, 'the table t')).toBe(32_767);
  expect(() => generationAfter(32_767, 'the table t')).toThrow(
    'the table t has had 32767 generations, and its versions have room for no more: write into a fresh one',
  );
});

test('before the first batch of a shard, a generation and a leap are committed', async () => {
  const { versions, after, commits, taken } = await numbered([recordOf(1, [own(1), own(2)])]);
  expect(versions).toEqual([at(7, LEAP + 1), at(7, LEAP + 2)]);
  expect(after.numbering).toEqual({ generation: 7, ordinal: LEAP + 2, code: 'code 1', rewinds: 0 });
  expect([commits, taken]).toEqual([1, 1]);
});

test('an event has the same version however the records are cut into batches, also inside a record', async () => {
  const records = [recordOf(1, [own(1), own(2), own(3)]), recordOf(2, [own(4)])];
  const state = (await numbered([])).after;
  const whole = (await numbered(records, { state })).versions;
  const first = await numbered(records.slice(0, 1), { state, upTo: positionOf('1', 1) });
  const rest = await numbered(records, { state: first.after });
  expect([...first.versions, ...rest.versions]).toEqual(whole);
  expect(first.commits + rest.commits).toBe(0);
});

test('repeats and rejections have numbers too: another process may not have dropped them', async () => {
  const state = (await numbered([recordOf(1, [own(1), own(2)])])).after;
  const noEvent = {
    sequenceNumber: '3',
    partitionKey: HERE,
    data: Buffer.from('no event'),
    approximateArrivalMillis: 1,
  };
  const { versions } = await numbered([recordOf(2, [own(1), own(2)]), noEvent, recordOf(4, [own(3)])], { state });
  expect(versions).toEqual([at(7, LEAP + 2 + 4)]);
});

test('a record that is rejected undecoded counts as many events as a record can hold', () => {
  const batch = openBatch(EMPTY, FACTS);
  const killer = recordOf(1, [own(1)]);
  batch.reject(killer, { at: positionOf('1', 0), reason: 'killed', message: '', bytes: killer.data });
  expect(batch.ordinals.total).toBe(LEAP);
});

test('before the first batch under new code, the numbering leaps: that code may count otherwise', async () => {
  const state = (await numbered([recordOf(1, [own(1)])])).after;
  const { versions, commits, taken } = await numbered([recordOf(2, [own(2)])], { state, generation: 'code 2' });
  expect(versions).toEqual([at(7, 2 * LEAP + 2)]);
  expect([commits, taken]).toEqual([1, 0]);
});

test('after a rewind, the numbering goes on in a new generation', async () => {
  const state = { ...(await numbered([recordOf(1, [own(1)])])).after, rewinds: 1 };
  const { versions, after, taken } = await numbered([recordOf(2, [own(2)])], { state });
  expect(versions).toEqual([at(8, 2 * LEAP + 2)]);
  expect(taken).toBe(1);
  expect(after.numbering?.rewinds).toBe(1);
});

test('a state that may be restored leaps to the highest generation of the destination, and to a number above all that the clock allows', async () => {
  const { after } = await numbered([recordOf(1, [own(1)])]);
  const doubted = inDoubt({ revision: 1, state: after }).state;
  const now = Date.UTC(2026, 5, 1);
  const { versions, commits, taken } = await numbered([recordOf(2, [own(2)])], { state: doubted, highest: 9, now });
  expect(versions).toEqual([at(9, leastOrdinal(now) + 1)]);
  expect([commits, taken]).toEqual([1, 0]);
  expect(leastOrdinal(Date.UTC(2100, 0, 1))).toBe(2 ** 47);
});

test('a rewind takes a generation above that of the shard, also where the destination was restored and has forgotten it', async () => {
  const { after } = await numbered([recordOf(1, [own(1)])]);
  const numbering = { generation: 20, ordinal: 5, code: 'code 1', rewinds: 0 };
  const { versions } = await numbered([recordOf(2, [own(2)])], { state: { ...after, numbering, rewinds: 1 } });
  expect(versions).toEqual([at(21, LEAP + 6)]);
});

test('an event that was put back keeps its version, unless its producer made that up', async () => {
  const state = (await numbered([recordOf(1, [own(1), own(2)])])).after;
  const redriven = (source: string, redrivenFrom: string) =>
    [source, 1, { redrivenFor: 'p/sink', redrivenFrom }] as const;
  const past = at(7, LEAP + 1);
  const versionsOf = async (...events: Parameters<typeof recordOf>[1]) =>
    (await numbered([recordOf(2, events)], { state })).versions;
  expect(await versionsOf(redriven('/p/sink/redrive/1', `s/p#${past}`))).toEqual([past]);
  expect(await versionsOf(redriven('/p/sink/redrive/1', 's/p'))).toEqual([undefined]);
  expect(await versionsOf(redriven('/p/sink/redrive/1', `s/p#${at(9, 1)}`))).toEqual([undefined]);
  expect(await versionsOf(redriven('/foreign', `s/p#${past}`))).toEqual([at(7, LEAP + 3)]);
});
