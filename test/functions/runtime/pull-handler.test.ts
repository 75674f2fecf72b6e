import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { openCheckpoints } from '../../../functions/runtime/checkpoints/checkpoints.ts';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import { isAtRest, loadPause, savePause } from '../../../functions/runtime/pause/pause.ts';
import { loadPull, PULL_KEY } from '../../../functions/runtime/pull/pull-state.ts';
import { openPullHandler } from '../../../functions/runtime/pull-handler.ts';
import { defineSource, type PulledPage, type PulledSource, type PullTurn } from '../../../functions/runtime/source.ts';
import { noDeadline } from '../../eventually.ts';
import { type Engine, eventsOf, invocation, startEngine } from './engine-kit.ts';

const CONFIG = { output: { stream: 'out' }, options: {}, resources: {} };

interface Behaviour {
  /** Called before each page. */
  onPage?(at: number, turn: PullTurn): Promise<void> | void;
  /** Changes a page. */
  change?(page: PulledPage<number>): PulledPage<number>;
}

/** A source of the numbers from 1 to `count`, read two at a time. Its position is the next number. */
const numbers = (count: number, { onPage, change = (page) => page }: Behaviour = {}) =>
  defineSource({
    options: z.object({}),
    resources: z.object({}),
    open: (): PulledSource<number> => ({
      position: z.number(),
      async *read(from = 1, turn) {
        for (let at = from; at <= count; at += 2) {
          await onPage?.(at, turn);
          if (turn.ending.aborted) return;
          const page = [at, at + 1].filter((number) => number <= count);
          yield change({
            events: page.map((number) => ({
              type: 'number.read',
              time: '2026-01-01T00:00:00Z',
              key: 'k',
              dataBytes: Buffer.from(String(number)),
              place: String(number).padStart(4, '0'),
            })),
            rejections: [],
            position: at + 2,
          });
        }
      },
    }),
  });

describe('a pulled source', () => {
  let engine: Engine;
  beforeEach(async () => {
    engine = await startEngine();
    engine.log.createStream({ StreamName: 'out', ShardCount: 1 });
  });
  afterEach(() => engine.stop());

  const open = (source: ReturnType<typeof numbers>, generation = 'g1') =>
    openPullHandler(source, engine.surroundings({ ...CONFIG, generation }));
  const checkpoints = () =>
    openCheckpoints({ dynamodb: engine.surroundings(CONFIG).dynamodb, table: 'checkpoints', step: 'p/s' });
  const stored = async () => (await loadPull(checkpoints(), { nowMillis: 0, signal: noDeadline() })).state;
  const appended = () => eventsOf(engine.log, 'out').map(({ data }) => data);
  /** Returns the events as a reader takes them: it drops those whose sequence is not above their source's last one. */
  const seen = () => {
    const marks = new Map<string, string>();
    return eventsOf(engine.log, 'out').flatMap(({ source, sequence, data }) => {
      if (sequence <= (marks.get(source) ?? '')) return [];
      marks.set(source, sequence);
      return [data];
    });
  };
  const pause = async (sinceMillis: number | undefined) => {
    const from = await loadPause(checkpoints(), noDeadline());
    await savePause(checkpoints(), from, { sinceMillis, signal: noDeadline() });
    engine.nowMillis += 6_000;
  };

  test('reads to the end, and the next run goes on behind it', async () => {
    await open(numbers(3))({}, invocation());
    await open(numbers(6))({}, invocation());
    expect(appended()).toEqual([1, 2, 3, 5, 6]);
    expect(await stored()).toMatchObject({ position: 7, place: '0006', open: false });
  });

  test('names an event by its place, and its source by the state and the generation', async () => {
    await open(numbers(1))({}, invocation());
    const { id } = await stored();
    expect(eventsOf(engine.log, 'out')).toMatchObject([{ source: `/p/s/pull-${id}/g1`, sequence: '0001' }]);
  });

  test('counts each event once when a run dies between the append and the position', async () => {
    const dying = engine.surroundings(CONFIG);
    let saves = 0;
    const send = (command: { input: { UpdateExpression?: string } }, options: never) => {
      // The run saves its state once before it reads, and then after each page.
      if (command.input.UpdateExpression?.includes('revision') && ++saves >= 3) throw new Error('the process died');
      return (dying.dynamodb.send as (...all: unknown[]) => unknown)(command, options);
    };
    await expect(
      openPullHandler(numbers(6), { ...dying, dynamodb: { send } as never })({}, invocation()),
    ).rejects.toThrow('the process died');
    expect(appended()).toEqual([1, 2, 3, 4]);
    expect(await stored()).toMatchObject({ position: 3, open: true });
    await open(numbers(6))({}, invocation());
    expect(appended()).toEqual([1, 2, 3, 4, 3, 4, 5, 6]);
    expect(seen()).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('ends shortly before its time is over, and the next run goes on', async () => {
    const slow = numbers(8, {
      onPage() {
        engine.nowMillis += 25_000;
      },
    });
    await open(slow)({}, invocation(60_000));
    expect(appended()).toEqual([1, 2, 3, 4]);
    await open(numbers(8))({}, invocation());
    expect(appended()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test('reads nothing while another run has the lease', async () => {
    const lease = { key: PULL_KEY, owner: 'another', nowMillis: engine.nowMillis, signal: noDeadline() };
    await checkpoints().lease({ ...lease, untilMillis: engine.nowMillis + 900_000 });
    await open(numbers(2))({}, invocation());
    expect(appended()).toEqual([]);
  });

  test('takes over from a run whose lease ends within a minute', async () => {
    const lease = { key: PULL_KEY, owner: 'another', nowMillis: engine.nowMillis, signal: noDeadline() };
    await checkpoints().lease({ ...lease, untilMillis: engine.nowMillis + 30_000 });
    const running = open(numbers(2))({}, invocation());
    engine.nowMillis += 31_000;
    await running;
    expect(appended()).toEqual([1, 2]);
  });

  test('a run that lost its lease moves no position, and what it appends changes nothing', async () => {
    let twin: Promise<unknown> | undefined;
    const frozen = numbers(4, {
      async onPage(at) {
        if (at !== 3 || twin !== undefined) return;
        // The process was frozen until its lease was over, and another run has read on.
        engine.nowMillis += 120_000;
        twin = open(numbers(6))({}, invocation());
        await twin;
      },
    });
    const run = open(frozen)({}, invocation(60_000));
    await run.catch(() => undefined);
    expect(seen()).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await stored()).toMatchObject({ position: 7, place: '0006' });
  });

  test('rests in a pause, and says so once nothing is in flight', async () => {
    await pause(engine.nowMillis);
    await open(numbers(4))({}, invocation());
    expect(appended()).toEqual([]);
    const { revision } = await loadPause(checkpoints(), noDeadline());
    expect(await isAtRest(checkpoints(), { of: PULL_KEY, pause: revision, signal: noDeadline() })).toBe(true);
    await pause(undefined);
    await open(numbers(4))({}, invocation());
    expect(appended()).toEqual([1, 2, 3, 4]);
  });

  test('a paused source finishes the page that a dead run may have left, and then rests', async () => {
    const failing = numbers(6, {
      onPage(at) {
        if (at === 3) throw new Error('the source is down');
      },
    });
    const dying = engine.surroundings(CONFIG);
    let saves = 0;
    const send = (command: { input: { UpdateExpression?: string } }, options: never) => {
      if (command.input.UpdateExpression?.includes('revision') && ++saves >= 2) throw new Error('the process died');
      return (dying.dynamodb.send as (...all: unknown[]) => unknown)(command, options);
    };
    await expect(openPullHandler(failing, { ...dying, dynamodb: { send } as never })({}, invocation())).rejects.toThrow(
      'the process died',
    );
    await pause(engine.nowMillis);
    await open(numbers(6))({}, invocation());
    expect(appended()).toEqual([1, 2, 1, 2]);
    expect(await stored()).toMatchObject({ position: 3, open: false });
  });

  test('a source that fails before its first page leaves nothing to finish', async () => {
    const down = numbers(2, {
      onPage() {
        throw new Error('the source is down');
      },
    });
    await expect(open(down)({}, invocation())).rejects.toThrow('the source is down');
    expect(await stored()).toMatchObject({ open: false });
  });

  test('makes a dead letter of an event that is too large, and goes on', async () => {
    const large = numbers(4, {
      change: (page) => ({
        ...page,
        events: page.events.map((event) =>
          event.place === '0002' ? { ...event, dataBytes: Buffer.from(`"${'x'.repeat(1_100_000)}"`) } : event,
        ),
      }),
    });
    await open(large)({}, invocation());
    expect(appended()).toEqual([1, 3, 4]);
    expect([...engine.letters.values()]).toMatchObject([{ at: '0002', reason: 'too-large' }]);
  });

  test.each([
    ['not above the place before it', '0001'],
    ['has another width', '00002'],
    ['is not 1 to 64', 'ß002'],
  ])('refuses a page whose place %s', async (why, place) => {
    const wrong = numbers(2, {
      change: (page) => ({
        ...page,
        events: page.events.map((event) => (event.place === '0002' ? { ...event, place } : event)),
      }),
    });
    await expect(open(wrong)({}, invocation())).rejects.toThrow(why);
    expect(appended()).toEqual([]);
  });

  test('stops at a position that the source does not know, and says what it found', async () => {
    await open(numbers(2))({}, invocation());
    const other = defineSource({
      options: z.object({}),
      resources: z.object({}),
      open: (): PulledSource<{ lsn: string }> => ({
        position: z.strictObject({ lsn: z.string() }),
        async *read() {
          yield { events: [], rejections: [], position: { lsn: '0' } };
        },
      }),
    });
    const run = openPullHandler(other, engine.surroundings(CONFIG))({}, invocation());
    await expect(run).rejects.toThrow(UserMistake);
    await expect(run).rejects.toThrow("the position of 'p/s' cannot be used");
  });
});
