import { readFileSync } from 'node:fs';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { describe, expect, test } from 'vitest';
import { loadAttempt, openAttempts } from '../../../../functions/runtime/checkpoints/attempts.ts';
import { type Checkpoints, openCheckpoints } from '../../../../functions/runtime/checkpoints/checkpoints.ts';
import { commitState } from '../../../../functions/runtime/checkpoints/commit-state.ts';
import { NO_FOREIGN_MARKS } from '../../../../functions/runtime/checkpoints/foreign-marks.ts';
import { withForeignMarks } from '../../../../functions/runtime/checkpoints/foreign-pages.ts';
import { openMarkPages } from '../../../../functions/runtime/checkpoints/mark-pages.ts';
import { loadState, type PagedStates, saveState } from '../../../../functions/runtime/checkpoints/shard-states.ts';
import { decodeState, encodeState, type StepState } from '../../../../functions/runtime/checkpoints/step-state.ts';
import { firstStart } from '../../../../functions/runtime/delivery/first-start.ts';
import { openReadToEnd } from '../../../../functions/runtime/delivery/read-to-end.ts';
import { isDone, loadLane, recordDone, saveLane } from '../../../../functions/runtime/items/lanes.ts';
import { loadGaps, noteGap } from '../../../../functions/runtime/on-failure/gaps.ts';
import { isAtRest, loadPause, openPause, savePause } from '../../../../functions/runtime/pause/pause.ts';
import { endOfRecord, positionOf, sequenceAt } from '../../../../functions/runtime/position.ts';
import { loadReplay, saveReplay } from '../../../../functions/runtime/replay/plan.ts';
import { closeAcknowledged, noteAcknowledged } from '../../../../functions/runtime/rewind/acknowledged.ts';
import { loadPlan, movePlan, type RewindPlan, type StoredPlan } from '../../../../functions/runtime/rewind/plan.ts';
import { createDynamoDb } from '../../../kit/dynamodb.ts';

/**
 * Items of the checkpoint table as the code of November 2026 wrote them, before the runtime was sorted into folders.
 * Deployed steps have such items, so this file never changes: a step that is deployed again goes on from them.
 */
const STORED: Readonly<Record<string, { readonly key: string; readonly revision: number; readonly state: string }>> =
  JSON.parse(readFileSync(new URL('./stored-before.json', import.meta.url), 'utf8'));

const signal = new AbortController().signal;
const NOW = Date.parse('2026-11-29T12:00:00Z');
const now = (): number => NOW;
const INCARNATION = '9f2c41d07b6e';
const SHARD_ID = 'shardId-000000000002';
const SHARD = `${INCARNATION}/${SHARD_ID}`;
const FIRST = '49590338271490256608559692538361571095921575989136588898';
const SECOND = '49590338271490256608559692540925702759324208523137515618';
const HALF = 2n ** 127n;
const LAST = 2n ** 128n - 1n;
const WHOLE = [{ from: 0n, to: LAST, marks: new Map() }];

function emptyTable(): Checkpoints {
  const table = createDynamoDb();
  table.createTable('checkpoints', { partition: 'step', sort: 'key' });
  return openCheckpoints({
    dynamodb: { send: table.call } as unknown as DynamoDBClient,
    table: 'checkpoints',
    step: 's',
  });
}

function stored(name: string) {
  const item = STORED[name];
  if (item === undefined) throw new Error(`no stored item '${name}'`);
  return item;
}

/** A table with these items as they were stored. */
async function tableWith(...names: readonly string[]): Promise<Checkpoints> {
  const checkpoints = emptyTable();
  for (const name of names) await checkpoints.save({ ...stored(name), previous: 0, signal });
  return checkpoints;
}

function statesIn(checkpoints: Checkpoints): PagedStates {
  return { load: checkpoints.load, loadPages: openMarkPages(checkpoints).load };
}

/** Today's code writes into an empty table: the item has the same key and the same JSON. */
async function expectSameItem(name: string, write: (checkpoints: Checkpoints) => Promise<unknown>): Promise<void> {
  const { key, state } = stored(name);
  const checkpoints = emptyTable();
  await write(checkpoints);
  const written = (await checkpoints.load(key, signal))?.state;
  if (name === 'done') expect(written).toBe(state);
  else expect(JSON.parse(written ?? 'null')).toEqual(JSON.parse(state));
}

describe('a state of a shard that was stored before', () => {
  const OLDER = { source: '/orders/cleaning/1a2b3c4d5e6f/shardId-000000000000/7d9e.0' };
  const NEWER = { source: '/orders/cleaning/1a2b3c4d5e6f/shardId-000000000000/8f01.1' };
  const PROCESS = { source: '/orders/web/process/4f9d2c6e' };
  const DRAINED = { source: '/orders/cleaning/1a2b3c4d5e6f/shardId-000000000001/7d9e.0' };

  const STATES: readonly [string, Partial<StepState>][] = [
    [
      'state',
      {
        position: positionOf(FIRST, 17),
        marks: [
          {
            from: 0n,
            to: HALF - 1n,
            marks: new Map([
              [OLDER.source, { sequence: sequenceAt(positionOf(FIRST, 0), 0), endedMillis: NOW - 60_000 }],
              [NEWER.source, { sequence: sequenceAt(positionOf(FIRST, 1), 2) }],
            ]),
          },
          {
            from: HALF,
            to: LAST,
            marks: new Map([
              [PROCESS.source, { sequence: '-------5', seenMillis: NOW - 60_000 }],
              [DRAINED.source, { sequence: sequenceAt(positionOf(SECOND, 3), 0), endedMillis: NOW }],
            ]),
          },
        ],
        rejections: [
          {
            at: positionOf(FIRST, 4),
            reason: 'refused',
            message: 'column "n": 12 is out of range',
            bytes: Buffer.from('{"n":12}'),
            event: { id: 'e-1', key: 'k', time: '2026-11-29T11:59:00Z' },
          },
          {
            at: 'item-9',
            reason: 'undecodable',
            message: 'line 9 is not JSON',
            bytes: Buffer.from([0xff, 0x00, 0x7b]),
            origin: { key: 'in/a.csv', line: 9 },
          },
        ],
        rewinds: 3,
        generation: 2,
        arrivedMillis: NOW - 60_000,
      },
    ],
    [
      'stateWithIntent',
      {
        position: endOfRecord(FIRST),
        intent: {
          to: endOfRecord(SECOND),
          options: { bucket: 'lake', prefix: 'readings', format: { kind: 'json-lines' } },
        },
      },
    ],
    ['stateEnded', { position: endOfRecord(SECOND), ended: true }],
    [
      'stateRewound',
      {
        position: positionOf(FIRST, 0),
        rewinds: 1,
        generation: 1,
        rewind: { phase: 'passing', to: { millis: NOW - 900_000 }, until: positionOf(SECOND, 3) },
      },
    ],
    [
      'stateOfChild',
      {
        marks: [{ from: HALF, to: LAST, marks: new Map() }],
        rewinds: 1,
        rewind: { phase: 'settling', to: { sequenceNumber: FIRST }, fresh: true },
      },
    ],
    ['stateOfReplay', { position: positionOf(FIRST, 2), rewind: { phase: 'reading', to: 'earliest', endMillis: NOW } }],
    [
      'stateWithPages',
      {
        position: positionOf(FIRST, 0),
        foreign: {
          versions: new Map([
            [16, '6-5q5YVMiw'],
            [13, '6-5q5YVMiw'],
          ]),
          marks: undefined,
          changed: new Set(),
        },
      },
    ],
  ];

  test.each(STATES)('is read with the same meaning, and written as the same text: %s', async (name, meaning) => {
    const { key, state } = stored(name);
    const read = decodeState(state);
    const defined = Object.fromEntries(Object.entries(read).filter(([, value]) => value !== undefined));
    expect(defined).toEqual({ marks: WHOLE, rejections: [], movedMillis: NOW, ...meaning });
    expect(encodeState(read)).toBe(state);
    await expectSameItem(name, (checkpoints) =>
      saveState(checkpoints, key, { from: { revision: 0, state: read }, to: read, nowMillis: NOW, signal }),
    );
  });

  test('is loaded for its shard, at its revision', async () => {
    const shape = { incarnation: INCARNATION, shards: [] } as never;
    const shard = { id: SHARD_ID, parents: [], from: 0n, to: LAST } as never;
    const states = statesIn(await tableWith('stateRewound'));
    const loaded = await loadState(states, shape, { shard, signal });
    expect(loaded).toMatchObject({ revision: 1, state: { position: positionOf(FIRST, 0), rewinds: 1 } });
  });
});

test('pages of marks that were stored before are read, and the next version is stored beside the committed one', async () => {
  const checkpoints = await tableWith('stateWithPages', 'page13', 'page16');
  const state = decodeState(stored('stateWithPages').state);
  const shape = { incarnation: INCARNATION, shards: [] } as never;
  const shard = { id: SHARD_ID, parents: [], from: 0n, to: LAST } as never;
  const from = { states: statesIn(checkpoints), shape };
  const loaded = await withForeignMarks({ revision: 7, state }, from, { shard, signal });
  const foreign = loaded.state.foreign ?? NO_FOREIGN_MARKS;
  const marks = [...(foreign.marks?.values() ?? [])];
  const seventh = { source: 'https://shop.example/till-7', from: 0n, sequence: 41n, seenMillis: NOW - 5_000 };
  expect(marks).toEqual([
    seventh,
    { source: 'https://shop.example/till-7', from: HALF, sequence: 40n, seenMillis: NOW - 4_000 },
    { source: 'https://shop.example/till-8', from: 0n, sequence: -12345678901234567890123n, seenMillis: NOW - 3_000 },
  ]);
  await checkpoints.save({ ...stored('stateWithPages'), previous: 1, revision: 7, signal });
  const to = { ...state, foreign: { ...foreign, changed: new Set([16]) } };
  await commitState({ checkpoints, markPages: openMarkPages(checkpoints), now }, SHARD, {
    from: { revision: 7, state },
    to,
    signal,
  });
  const { key, state: before } = stored('page16');
  const [old] = JSON.parse(before);
  const page = JSON.parse((await checkpoints.load(key, signal))?.state ?? 'null');
  expect(page).toEqual([old, { name: expect.stringMatching(/^7-/), of: 7, marks: old.marks }]);
});

describe('an attempt that was stored before', () => {
  test.each([
    ['attempt', { doing: 'decoding', until: positionOf(FIRST, 16), deaths: 2, undecoded: 1, rejected: 1 }],
    ['attemptSurvived', { doing: 'working', deaths: 0, undecoded: 0, rejected: 0, survived: true }],
  ] as const)('is read with the same meaning, and written as the same JSON: %s', async (name, meaning) => {
    const { revision, attempt } = await loadAttempt(await tableWith(name), SHARD, signal);
    expect(revision).toBe(stored(name).revision);
    expect(attempt).toMatchObject({
      generation: '7d9e.0',
      from: positionOf(FIRST, 0),
      to: positionOf(FIRST, 8),
      begunMillis: NOW,
      survived: false,
      ...meaning,
    });
    if (attempt === undefined) throw new Error('no attempt');
    await expectSameItem(name, (checkpoints) =>
      openAttempts(checkpoints).begin(SHARD, { revision: 1, attempt }, signal),
    );
  });
});

describe('an operation that was stored before', () => {
  const read = async (name: string): Promise<StoredPlan & { readonly plan: RewindPlan }> => {
    const { revision, number, plan } = await loadPlan(await tableWith(name), signal);
    if (plan === undefined) throw new Error('no plan');
    return { revision, number, plan };
  };

  test.each([
    [
      'rewindAsked',
      {
        revision: 1,
        number: 1,
        plan: { phase: 'asked', to: { millis: NOW - 900_000 }, said: '-15m', askedMillis: NOW },
      },
    ],
    [
      'rewindBegun',
      {
        revision: 3,
        number: 2,
        plan: { phase: 'begun', to: { sequenceNumber: FIRST }, said: FIRST, shards: [SHARD_ID], askedMillis: NOW },
      },
    ],
  ])('goes on as the same rewind: %s', async (name, meaning) => {
    const plan = await read(name);
    expect(plan).toEqual(meaning);
    await expectSameItem(name, (checkpoints) =>
      movePlan(checkpoints, { ...plan, revision: 0 }, { phase: plan.plan.phase, signal }),
    );
  });

  test('goes on as the same replay', async () => {
    const { revision, plan } = await loadReplay(await tableWith('replay'), 'r1', signal);
    expect({ revision, plan }).toEqual({
      revision: 2,
      plan: {
        phase: 'begun',
        from: { millis: NOW - 7_200_000 },
        toMillis: NOW - 3_600_000,
        into: 'readings_again',
        askedMillis: NOW,
      },
    });
    if (plan === undefined) throw new Error('no plan');
    await expectSameItem('replay', (checkpoints) =>
      saveReplay(checkpoints, { revision: 0, plan: undefined }, { id: 'r1', plan, signal }),
    );
  });

  test.each([
    ['pause', { revision: 1, sinceMillis: NOW }],
    ['pauseEnded', { revision: 2, sinceMillis: undefined }],
  ])('pauses or resumes the step as before: %s', async (name, meaning) => {
    const pause = await loadPause(await tableWith(name), signal);
    expect(pause).toEqual(meaning);
    await expectSameItem(name, (checkpoints) =>
      savePause(checkpoints, { revision: 0, sinceMillis: undefined }, { sinceMillis: pause.sinceMillis, signal }),
    );
  });

  test('still shows a shard at rest in the pause', async () => {
    const checkpoints = await tableWith('rest');
    expect(await isAtRest(checkpoints, { of: SHARD, pause: 1, signal })).toBe(true);
    expect(await isAtRest(checkpoints, { of: SHARD, pause: 2, signal })).toBe(false);
    const rest = await openPause({ checkpoints, now }).rest(SHARD, { revision: 1, sinceMillis: NOW }, signal);
    expect(rest).toEqual({ pause: 1, held: true, records: 12, bytes: 3456 });
    await expectSameItem('rest', (empty) => openPause({ checkpoints: empty, now }).note(SHARD, rest, signal));
  });

  test('still tells which batches were acknowledged, and that no more may be', async () => {
    const checkpoints = await tableWith('acknowledged');
    const at = { key: SHARD, rewind: 2, signal };
    expect(await noteAcknowledged(checkpoints, { ...at, end: endOfRecord(SECOND) })).toBe(false);
    expect(await closeAcknowledged(checkpoints, at)).toBe(endOfRecord(FIRST));
    await expectSameItem('acknowledged', async (empty) => {
      await noteAcknowledged(empty, { ...at, end: endOfRecord(FIRST) });
      await closeAcknowledged(empty, at);
    });
  });
});

describe('a note of a source or step that was stored before', () => {
  test.each([
    [
      'lane',
      {
        id: 'hTZCW5h3',
        ordinal: 5,
        current: {
          laneKey: 'in/a.csv',
          identity: 'bucket/in/a.csv@v1',
          item: { bucket: 'bucket', key: 'in/a.csv', version: 'v1' },
          position: { offset: 4096, line: 31 },
          tries: { generation: '7d9e', count: 1 },
        },
      },
    ],
    ['laneFree', { id: 'BHBvbTvh', ordinal: 9 }],
  ])('is read as the same lane: %s', async (name, state) => {
    const { key } = stored(name);
    expect(await loadLane(await tableWith(name), key, signal)).toEqual({ key, revision: 1, state });
    await expectSameItem(name, (checkpoints) => saveLane(checkpoints, { key, revision: 0, state }, { state, signal }));
  });

  test('still says that an item is read to its end', async () => {
    expect(await isDone(await tableWith('done'), 'bucket/in/a.csv@v1', signal)).toBe(true);
    expect(await isDone(await tableWith('done'), 'bucket/in/a.csv@v2', signal)).toBe(false);
    await expectSameItem('done', (checkpoints) => recordDone(checkpoints, 'bucket/in/a.csv@v1', signal));
  });

  test('still tells where the step may have missed records', async () => {
    expect(await loadGaps(await tableWith('gaps'), SHARD, signal)).toEqual([
      { from: positionOf('5', 0), to: positionOf('9', 0), notedMillis: NOW },
      { from: endOfRecord(FIRST), to: positionOf(SECOND, 0), notedMillis: NOW },
    ]);
    await expectSameItem('gaps', async (checkpoints) => {
      for (const [position, sequenceNumber] of [
        [positionOf('5', 0), '9'],
        [endOfRecord(FIRST), SECOND],
      ] as const) {
        const state = { position, marks: [], rejections: [], arrivedMillis: NOW - 24 * 3_600_000 };
        const shard = { key: SHARD, loaded: { revision: 1, state } } as never;
        await noteGap({ checkpoints, now } as never, {} as never, {
          shard,
          first: { sequenceNumber } as never,
          signal,
        });
      }
    });
  });

  test('still fixes where a scheduled step starts', async () => {
    const step = (checkpoints: Checkpoints, atMillis: number) =>
      ({ checkpoints, now: () => atMillis, config: { input: { start: 'latest' } } }) as never;
    expect(await firstStart(step(await tableWith('start'), NOW + 5), signal)).toEqual(new Date(NOW));
    await expectSameItem('start', (checkpoints) => firstStart(step(checkpoints, NOW), signal));
  });

  test('still tells when a shard was last read to its end', async () => {
    const checkpoints = await tableWith('caughtUp');
    const day = { retentionMillis: 24 * 3_600_000 };
    const wasAt = (atMillis: number, retention: typeof day) =>
      openReadToEnd({ checkpoints, now: () => atMillis }, retention).was(SHARD, signal);
    expect(await wasAt(NOW + day.retentionMillis - 1, { retentionMillis: 7 * day.retentionMillis })).toBe(true);
    expect(await wasAt(NOW + day.retentionMillis, { retentionMillis: 7 * day.retentionMillis })).toBe(false);
    await expectSameItem('caughtUp', (empty) => openReadToEnd({ checkpoints: empty, now }, day).note(SHARD, signal));
  });
});
