import { describe, expect, test } from 'vitest';
import { type MarkRange, noMarks } from '../../../../functions/runtime/checkpoints/marks.ts';
import { loadState, shardKey } from '../../../../functions/runtime/checkpoints/shard-states.ts';
import { encodeState } from '../../../../functions/runtime/checkpoints/step-state.ts';
import type { Shard, StreamShape } from '../../../../functions/runtime/log/shards.ts';

const shard = (id: string, [from, to]: readonly [bigint, bigint], parents: readonly string[] = []): Shard => ({
  id,
  from,
  to,
  parents,
  open: true,
});
const shapeOf = (shards: readonly Shard[]): StreamShape => ({
  arn: 'arn:aws:kinesis:r:1:stream/s',
  name: 's',
  incarnation: 'i',
  createdMillis: 0,
  maxRecordBytes: 1,
  retentionMillis: 1,
  shards,
});

/** Loads the state of a shard whose parents may have states of their own. */
async function marksOf(
  wanted: Shard,
  shards: readonly Shard[],
  states: Readonly<Record<string, readonly MarkRange[]>>,
) {
  const shape = shapeOf(shards);
  const store = {
    load: async (key: string) => {
      const id = Object.keys(states).find((one) => shardKey(shape, one) === key);
      if (id === undefined) return undefined;
      return { revision: 1, state: encodeState({ position: undefined, marks: states[id] ?? [], rejections: [] }) };
    },
  };
  const loadPages = async () => [];
  const { state } = await loadState({ ...store, loadPages }, shape, {
    shard: wanted,
    signal: new AbortController().signal,
  });
  return state.marks.map(({ from, to, marks }) => ({ from, to, sources: [...marks.keys()] }));
}

const marked = (from: bigint, to: bigint, source: string): readonly MarkRange[] => {
  const [range] = noMarks(from, to) as [MarkRange];
  range.marks.set(source, { sequence: '1' });
  return [range];
};

describe('a shard without a state of its own', () => {
  test('has one range when it has no parents', async () => {
    const only = shard('0', [0n, 99n]);
    expect(await marksOf(only, [only], {})).toEqual([{ from: 0n, to: 99n, sources: [] }]);
  });

  test('keeps the border between two merged shards without states', async () => {
    const [low, high] = [shard('0', [0n, 49n]), shard('1', [50n, 99n])];
    const child = shard('2', [0n, 99n], ['0', '1']);
    expect(await marksOf(child, [low, high, child], {})).toEqual([
      { from: 0n, to: 49n, sources: [] },
      { from: 50n, to: 99n, sources: [] },
    ]);
  });

  test('has the marks of its parents, each for its own range', async () => {
    const [low, high] = [shard('0', [0n, 49n]), shard('1', [50n, 99n])];
    const child = shard('2', [0n, 99n], ['0', '1']);
    expect(await marksOf(child, [low, high, child], { 0: marked(0n, 49n, '/a'), 1: marked(50n, 99n, '/b') })).toEqual([
      { from: 0n, to: 49n, sources: ['/a'] },
      { from: 50n, to: 99n, sources: ['/b'] },
    ]);
  });

  test('has its grandparents’ marks where a parent was empty and never had a state', async () => {
    const grandparent = shard('0', [0n, 99n]);
    const [low, high] = [shard('1', [0n, 49n], ['0']), shard('2', [50n, 99n], ['0'])];
    const child = shard('3', [50n, 74n], ['2']);
    expect(await marksOf(child, [grandparent, low, high, child], { 0: marked(0n, 99n, '/a') })).toEqual([
      { from: 50n, to: 74n, sources: ['/a'] },
    ]);
  });

  test('has its parents’ marks even when the stream no longer lists them', async () => {
    const child = shard('2', [0n, 49n], ['0']);
    expect(await marksOf(child, [child], { 0: marked(0n, 99n, '/a') })).toEqual([
      { from: 0n, to: 49n, sources: ['/a'] },
    ]);
  });

  test('has an empty range where a parent is no longer known', async () => {
    const child = shard('2', [0n, 99n], ['0', '1']);
    expect(await marksOf(child, [child], { 1: marked(50n, 99n, '/b') })).toEqual([
      { from: 0n, to: 49n, sources: [] },
      { from: 50n, to: 99n, sources: ['/b'] },
    ]);
  });
});
