import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pagedState } from '../../../../functions/runtime/checkpoints/commit-state.ts';
import type { MarkPage } from '../../../../functions/runtime/checkpoints/mark-pages.ts';
import {
  copyMarks,
  dropPassedMarks,
  endInput,
  marksOf,
  noMarks,
  openInputs,
  takeMark,
} from '../../../../functions/runtime/checkpoints/marks.ts';
import { loadStored } from '../../../../functions/runtime/checkpoints/shard-states.ts';
import { encodeState, type StepState } from '../../../../functions/runtime/checkpoints/step-state.ts';

const MINUTE = 60_000;
const EMPTY: StepState = {
  position: undefined,
  marks: [...noMarks(0n, 49n), ...noMarks(50n, 99n)],
  rejections: [],
};

/** What a store holds: the last state, and the pages by name. */
interface Stored {
  readonly text: string;
  readonly pages: ReadonlyMap<string, MarkPage>;
}

function committed(to: StepState, before: Stored | undefined, limits: Parameters<typeof pagedState>[2]): Stored {
  const { state, pages } = pagedState(to, 1, limits);
  const all = new Map([...(before?.pages ?? []), ...pages.map((page) => [page.page, page] as const)]);
  return { text: encodeState(state), pages: all };
}

async function loaded({ text, pages }: Stored): Promise<StepState> {
  const found = await loadStored(
    {
      load: async () => ({ revision: 1, state: text }),
      loadPages: async (_, names) => names.map(({ page }) => pages.get(page) as MarkPage),
    },
    'shard',
    new AbortController().signal,
  );
  return (found as NonNullable<typeof found>).state;
}

const source = fc.oneof(
  fc.nat(9).map((n) => `/p/till/process/${n}`),
  fc.tuple(fc.nat(3), fc.nat(2)).map(([shard, generation]) => `/p/step/stream/shard-${shard}/${generation}`),
);
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ take: source, minutes: fc.nat(12), hash: fc.constantFrom(10n, 60n) }) },
  { weight: 1, arbitrary: fc.record({ drained: fc.nat(3).map((shard) => `/p/step/stream/shard-${shard}`) }) },
  { weight: 3, arbitrary: fc.constant('commit' as const) },
);

/**
 * Two readers of the same events: one with all marks in its state, and one that has runs and is loaded after each
 * commit.
 */
function twoReaders() {
  const whole = copyMarks(EMPTY.marks);
  let state: StepState = { ...EMPTY, marks: copyMarks(EMPTY.marks) };
  let stored: Stored | undefined;
  let millis = 0;
  const at: number[] = [];
  return {
    async commit(): Promise<void> {
      for (const marks of [whole, state.marks]) dropPassedMarks(marks, millis);
      stored = committed({ ...state, arrivedMillis: millis }, stored, { stateBytes: 150, runBytes: 250 });
      state = await loaded(stored);
    },
    end(input: string): void {
      for (const marks of [whole, state.marks]) endInput(marks, input, millis);
    },
    take(one: { readonly take: string; readonly minutes: number; readonly hash: bigint }, number: number): void {
      millis += one.minutes * MINUTE;
      at[number] = millis;
      // A process repeats what it sent within its request, before its mark may go.
      const repeats = number % 7 === 6 && millis - (at[number - 6] ?? 0) <= 15 * MINUTE;
      const sequence = String(repeats ? number - 6 : number).padStart(8, '0');
      const sighting = { source: one.take, sequence, hash: () => one.hash, arrivalMillis: millis };
      expect(takeMark(state.marks, sighting)).toBe(takeMark(whole, sighting));
    },
    compareInputs: () => expect(openInputs(state.marks)).toEqual(openInputs(whole)),
  };
}

describe('marks that are stored in runs', () => {
  test('decide about every event as marks that are all in the state do, and know the same open inputs', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 120 }), async (steps) => {
        const both = twoReaders();
        for (const [number, one] of steps.entries()) {
          if (one === 'commit') await both.commit();
          else if ('drained' in one) both.end(one.drained);
          else both.take(one, number);
          both.compareInputs();
        }
      }),
      { numRuns: 100 },
    );
  });

  test('keep a state of 20,000 processes small, and are written about once', async () => {
    let stored: Stored | undefined;
    let state = EMPTY;
    let [written, largest] = [0, 0];
    for (let batch = 0; batch < 40; batch++) {
      const moved = { ...state, marks: copyMarks(state.marks), arrivedMillis: batch * 20_000 };
      for (let one = 0; one < 500; one++) {
        const process = `/p/till/process/0190a3f2-7c1e-7b1a-9d5e-${String(batch * 500 + one).padStart(12, '0')}`;
        const sighting = { source: process, sequence: '-------0', hash: () => 10n, arrivalMillis: batch * 20_000 };
        expect(takeMark(moved.marks, sighting)).toBe(true);
      }
      stored = committed(moved, stored, undefined);
      largest = Math.max(largest, stored.text.length, ...[...stored.pages.values()].map((page) => sizeOf(page)));
      state = await loaded(stored);
      written += stored.text.length;
    }
    const pages = [...(stored?.pages.values() ?? [])];
    expect(largest).toBeLessThan(100_000);
    expect(pages.reduce((sum, page) => sum + sizeOf(page), 0)).toBeLessThan(2.5 * 20_000 * 100);
    expect(written).toBeLessThan(40 * 70_000);
    expect([...marksOf(state.marks[0] as StepState['marks'][number])]).toHaveLength(20_000);
  });

  test('of an ended source do not come back from an older run once they are dropped', async () => {
    const [ended, ...others] = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `/p/${name}/stream/shard-0/g`);
    const limits = { stateBytes: 1, runBytes: 10_000 };
    let stored: Stored | undefined;
    let state: StepState = { ...EMPTY, marks: noMarks(0n, 99n) };
    let sequence = 0;
    const commit = async (sources: readonly (string | undefined)[], arrivedMillis: number, end = false) => {
      const marks = copyMarks(state.marks);
      for (const one of sources)
        takeMark(marks, {
          source: one ?? '',
          sequence: String(sequence++).padStart(3, '0'),
          hash: () => 1n,
          arrivalMillis: arrivedMillis,
        });
      if (end) endInput(marks, '/p/a/stream/shard-0', arrivedMillis);
      dropPassedMarks(marks, arrivedMillis);
      stored = committed({ ...state, marks, arrivedMillis }, stored, limits);
      state = await loaded(stored);
      return [...openInputs(state.marks)].includes('/p/a/stream/shard-0');
    };
    expect(await commit([ended, ...others.slice(0, 2)], 0)).toBe(true);
    expect(await commit(others.slice(2), 0, true)).toBe(false);
    // The run with the ended mark is given up, and the one with the older mark of that source is kept.
    for (let hour = 2; hour < 4; hour++) expect(await commit(others.slice(2), hour * 60 * MINUTE)).toBe(false);
    // Now that one is given up as well, and nothing of the source is left.
    for (let hour = 4; hour < 6; hour++) expect(await commit(others, hour * 60 * MINUTE)).toBe(false);
    expect([...marksOf(state.marks[0] as StepState['marks'][number])].map(([source]) => source).sort()).toEqual(others);
  });

  test('are made of a large state that an earlier version stored', async () => {
    const marks = copyMarks(EMPTY.marks);
    for (let one = 0; one < 5_000; one++) marks[1]?.marks.set(`/p/a/stream/shard-${one}/g`, { sequence: '1' });
    const before: Stored = { text: encodeState({ ...EMPTY, marks }), pages: new Map() };
    const after = committed(await loaded(before), before, undefined);
    expect([before.text.length > 100_000, after.text.length < 5_000]).toEqual([true, true]);
    expect(openInputs((await loaded(after)).marks)).toEqual(openInputs(marks));
  });

  test('are given up once their processes have passed: what is stored is used again', async () => {
    let stored: Stored | undefined;
    let state = EMPTY;
    const names = new Set<string>();
    for (let batch = 0; batch < 60; batch++) {
      const arrivedMillis = batch * 5 * MINUTE;
      const moved = { ...state, marks: copyMarks(state.marks), arrivedMillis };
      for (let one = 0; one < 20; one++)
        takeMark(moved.marks, {
          source: `/p/till/process/${batch}-${one}`,
          sequence: '1',
          hash: () => 10n,
          arrivalMillis: arrivedMillis,
        });
      dropPassedMarks(moved.marks, arrivedMillis);
      stored = committed(moved, stored, { stateBytes: 600, runBytes: 400 });
      for (const page of stored.pages.keys()) names.add(page);
      state = await loaded(stored);
    }
    expect(names.size).toBeLessThan(40);
    expect([...marksOf(state.marks[0] as StepState['marks'][number])].length).toBeLessThan(200);
  });
});

function sizeOf(page: MarkPage): number {
  return JSON.stringify(page.marks).length;
}
