import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { openCheckpoints } from '../../../functions/runtime/checkpoints/checkpoints.ts';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import { isAtRest, loadPause, savePause } from '../../../functions/runtime/pause/pause.ts';
import { loadPull, PULL_KEY } from '../../../functions/runtime/pull/pull-state.ts';
import { openPullHandler } from '../../../functions/runtime/pull-handler.ts';
import {
  defineSource,
  type PulledLook,
  type PulledPage,
  type PulledSource,
  type PullTurn,
} from '../../../functions/runtime/source.ts';
import { noDeadline } from '../../eventually.ts';
import { type Engine, eventsOf, invocation, startEngine } from './engine-kit.ts';

const CONFIG = { output: { stream: 'out' }, options: {}, resources: {} };

interface Behaviour {
  /** Called before each page. */
  onPage?(at: number, turn: PullTurn): Promise<void> | void;
  /** Answers in place of `read` while the step is paused. */
  look?(from: number): Promise<PulledLook>;
  /** Changes a page. */
  change?(page: PulledPage<number>): PulledPage<number>;
}

/** A source of the numbers from 1 to `count`, read two at a time. Its position is the next number. */
const numbers = (count: number, { onPage, look, change = (page) => page }: Behaviour = {}) =>
  defineSource({
    options: z.object({}),
    resources: z.object({}),
    open: (): PulledSource<number> => ({
      position: z.number(),
      ...(look === undefined ? {} : { look: (from: number) => look(from) }),
      async *read(from = 1, turn) {
        for (let at = from, size = 2; at <= count; at += size) {
          size = Math.min(2, turn.most);
          await onPage?.(at, turn);
          if (turn.ending.aborted) return;
          const page = [at, at + 1].slice(0, size).filter((number) => number <= count);
          yield change({
            events: page.map((number) => ({
              type: 'number.read',
              time: '2026-01-01T00:00:00Z',
              key: 'k',
              dataBytes: Buffer.from(String(number)),
              place: String(number).padStart(4, '0'),
            })),
            rejections: [],
            position: at + size,
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

  test('keeps what the source says of itself until the next page', async () => {
    const notes: Record<number, string> = { 3: 'waits for a lock', 5: 'x'.repeat(600) };
    const saying = (count: number) =>
      numbers(count, {
        change: (page) => {
          const note = notes[page.position];
          return note === undefined ? page : { ...page, note };
        },
      });
    await open(saying(2))({}, invocation());
    expect((await stored()).note).toBe('waits for a lock');
    await open(saying(4))({}, invocation());
    expect((await stored()).note).toHaveLength(500);
    await open(saying(6))({}, invocation());
    expect(await stored()).not.toHaveProperty('note');
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

  test('a paused source is asked in each run what grows meanwhile, for status, for doctor and as a metric', async () => {
    const looked: number[] = [];
    const answers: PulledLook[] = [{ note: 'keeps 1 MiB', kept: { bytes: 7, leftMillis: 9 } }, { kept: { bytes: 8 } }];
    const watched = numbers(4, {
      async look(from) {
        looked.push(from);
        const answer = answers[looked.length - 1];
        if (answer === undefined) throw new Error('the database is down');
        return answer;
      },
    });
    await open(watched)({}, invocation());
    await pause(engine.nowMillis);
    engine.lines.length = 0;
    await open(watched)({}, invocation());
    expect(await stored()).toMatchObject({ note: 'keeps 1 MiB', kept: { bytes: 7, leftMillis: 9 }, position: 5 });
    expect(engine.lines.map((line) => JSON.parse(line))).toMatchObject([
      { eventsIn: 0, logKeptBytes: 7, logLeftMillis: 9 },
    ]);
    await open(watched)({}, invocation());
    expect(await stored()).toMatchObject({ kept: { bytes: 8, atMillis: engine.nowMillis } });
    expect(await stored()).not.toHaveProperty('note');
    await open(watched)({}, invocation());
    const note = 'cannot say what the database keeps for it: the database is down';
    expect(await stored()).toMatchObject({ note, kept: { bytes: 8 }, position: 5, open: false });
    expect(looked).toEqual([5, 5, 5]);
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

  describe('with several outputs', () => {
    const outputs = { output: undefined, outputs: { odd: { stream: 'odds' }, even: { stream: 'evens' } } };
    const split = (count: number, name = (number: number): string => (number % 2 === 0 ? 'even' : 'odd')) =>
      numbers(count, {
        change: (page) => ({
          ...page,
          events: page.events.map((event) => ({ ...event, to: name(Number(event.place)) })),
        }),
      });
    const openSplit = (source: ReturnType<typeof numbers>) =>
      openPullHandler(source, engine.surroundings({ ...CONFIG, ...outputs }));
    const dataOf = (stream: string) => eventsOf(engine.log, stream).map(({ data }) => data);
    beforeEach(() => {
      for (const StreamName of ['odds', 'evens']) engine.log.createStream({ StreamName, ShardCount: 1 });
    });

    test('appends each event to the stream of its output, under one source', async () => {
      await openSplit(split(5))({}, invocation());
      expect([dataOf('odds'), dataOf('evens')]).toEqual([
        [1, 3, 5],
        [2, 4],
      ]);
      const sources = [...eventsOf(engine.log, 'odds'), ...eventsOf(engine.log, 'evens')].map(({ source }) => source);
      expect(new Set(sources).size).toBe(1);
    });

    test('moves its position only when all streams have the page, and repeats it in all of them otherwise', async () => {
      engine.log.deleteStream({ StreamName: 'evens' });
      const short = { ...invocation(), getRemainingTimeInMillis: () => 2_500 };
      await expect(openSplit(split(4))({}, short)).rejects.toThrow();
      expect(dataOf('odds')).toEqual([1]);
      expect(await stored()).toMatchObject({ open: true });
      expect((await stored()).position).toBeUndefined();
      engine.log.createStream({ StreamName: 'evens', ShardCount: 1 });
      await openSplit(split(4))({}, invocation());
      expect([dataOf('odds'), dataOf('evens')]).toEqual([
        [1, 1, 3],
        [2, 4],
      ]);
    });

    test('keeps the order of events that two outputs send into one stream', async () => {
      const one = engine.surroundings({
        ...CONFIG,
        output: undefined,
        outputs: { odd: { stream: 'out' }, even: { stream: 'out' } },
      });
      await openPullHandler(split(6), one)({}, invocation());
      expect(appended()).toEqual([1, 2, 3, 4, 5, 6]);
    });

    test('refuses an event for an output that the step does not have', async () => {
      await expect(openSplit(split(2, () => 'third'))({}, invocation())).rejects.toThrow(
        "an event goes to the output 'third': the step has odd, even",
      );
      await expect(open(split(2))({}, invocation())).rejects.toThrow('and the step has only one');
    });
  });

  describe('that begins again', () => {
    /** Reads the numbers a second time, from 1 on, as the generation 1. */
    const twice = (change: (page: PulledPage<string>) => PulledPage<string> = (page) => page) =>
      defineSource({
        options: z.object({}),
        resources: z.object({}),
        open: (): PulledSource<string> => ({
          position: z.string(),
          async *read(from = '0 1') {
            const [generation = 0, next = 1] = from.split(' ').map(Number);
            const event = (number: number) => ({
              type: 'number.read',
              time: '2026-01-01T00:00:00Z',
              key: 'k',
              dataBytes: Buffer.from(String(number)),
              place: String(number).padStart(4, '0'),
            });
            for (let number = next; number <= 2; number++)
              yield { events: [event(number)], rejections: [], position: `${generation} ${number + 1}` };
            if (generation > 0) return;
            yield change({ events: [], rejections: [], position: '1 1', generation: 1 });
            yield { events: [event(1)], rejections: [], position: '1 2' };
          },
        }),
      });
    const openTwice = (source: ReturnType<typeof twice>) =>
      openPullHandler(source as never, engine.surroundings(CONFIG));

    test('names its events anew, so that readers take them', async () => {
      await openTwice(twice())({}, invocation());
      expect(seen()).toEqual([1, 2, 1]);
      const { id } = await stored();
      expect(new Set(eventsOf(engine.log, 'out').map(({ source }) => source))).toEqual(
        new Set([`/p/s/pull-${id}/g1`, `/p/s/pull-${id}/g1.1`]),
      );
      await openTwice(twice())({}, invocation());
      expect(seen()).toEqual([1, 2, 1, 2]);
      expect(await stored()).toMatchObject({ generation: 1, place: '0002', position: '1 3' });
    });

    test('refuses a page that begins a generation with events, and one that goes back', async () => {
      const event = {
        type: 'number.read',
        time: '2026-01-01T00:00:00Z',
        key: 'k',
        dataBytes: Buffer.from('1'),
        place: '0001',
      };
      const early = twice((page) => ({ ...page, events: [event] }));
      await expect(openTwice(early)({}, invocation())).rejects.toThrow(
        'the page that begins the generation 1 has events: a retry could not repeat them',
      );
      expect(seen()).toEqual([1, 2]);
      const back = twice((page) => ({ ...page, generation: -1 }));
      await expect(openTwice(back)({}, invocation())).rejects.toThrow('the page has the generation -1');
    });
  });

  describe('whose process dies', () => {
    /** Opens a process that dies when it comes to a number: it stores nothing any more. `pages` gets the sizes. */
    const openMortal = (
      poison: number | undefined,
      { pages = [], code = 'g1' }: { readonly pages?: number[]; readonly code?: string } = {},
    ) => {
      const alive = engine.surroundings({ ...CONFIG, generation: code });
      let isDead = false;
      const send = (...all: unknown[]) => {
        if (isDead) throw new Error('the process is dead');
        return (alive.dynamodb.send as (...args: unknown[]) => unknown)(...all);
      };
      const source = defineSource({
        options: z.object({}),
        resources: z.object({}),
        open: (): PulledSource<number> => ({
          position: z.number(),
          async *read(from = 0, turn) {
            for (let at = from, to = 0; at < COUNT; at = to) {
              to = Math.min(COUNT, at + turn.most);
              isDead = poison !== undefined && at <= poison && poison < to;
              if (isDead) throw new Error('the process died');
              pages.push(to - at);
              yield {
                events: Array.from({ length: to - at }, (_, index) => eventOf(at + index)),
                rejections: [],
                position: to,
              };
            }
          },
        }),
      });
      // A dead process leaves its lease.
      engine.nowMillis += 70_000;
      return openPullHandler(source, { ...alive, dynamodb: { send } as never });
    };
    const COUNT = 12_000;
    const eventOf = (number: number) => ({
      type: 'number.read',
      time: '2026-01-01T00:00:00Z',
      key: 'k',
      dataBytes: Buffer.from(String(number)),
      place: String(number).padStart(5, '0'),
    });
    const numbersBelow = (end: number) => Array.from({ length: end }, (_, number) => number);

    test('reads smaller pages until what killed it is passed, and whole ones again after that', async () => {
      await expect(openMortal(7_345)({}, invocation())).rejects.toThrow();
      const pages: number[] = [];
      await openMortal(undefined, { pages })({}, invocation());
      expect(pages.slice(0, 2)).toEqual([1_000, 900]);
      expect(Math.max(...pages)).toBeLessThanOrEqual(COUNT - 10_000);
      expect(pages.at(-1)).toBeGreaterThan(1_000);
      expect(seen()).toEqual(numbersBelow(COUNT));
      expect(await stored()).not.toHaveProperty('killed');
    });

    test('stands still after three deaths with one event, says so, and skips nothing', async () => {
      const poison = 7_345;
      let deaths = 0;
      const why = async () => {
        const run = openMortal(poison)({}, invocation()) as Promise<unknown>;
        return String(await run.catch((error: unknown) => error));
      };
      let said = await why();
      for (; !said.includes('stands still') && deaths < 20; said = await why()) deaths++;
      expect(said).toContain('the source stands still after the place 07344 since');
      expect(said).toContain('the function died 3 times in a row while it read a single event');
      expect(deaths).toBeLessThanOrEqual(12);
      expect(seen()).toEqual(numbersBelow(poison));
      const pages: number[] = [];
      await expect(openMortal(undefined, { pages })({}, invocation())).rejects.toThrow('stands still');
      expect(pages).toEqual([]);
      engine.nowMillis += 3_600_000;
      expect(await why()).not.toContain('stands still');
      expect(await why()).toContain('died 4 times');
    });

    test('goes on at once with changed code, in whole pages', async () => {
      for (let run = 0; run < 12; run++) await openMortal(0)({}, invocation()).catch(() => undefined);
      await expect(openMortal(undefined)({}, invocation())).rejects.toThrow('the source stands still at its start');
      const pages: number[] = [];
      await openMortal(undefined, { pages, code: 'g2' })({}, invocation());
      expect(pages).toEqual([10_000, 2_000]);
    });

    test('does not count an error that it survives', async () => {
      const down = numbers(4, {
        onPage(at) {
          if (at === 3) throw new Error('the source is down');
        },
      });
      for (let run = 0; run < 4; run++)
        await expect(open(down)({}, invocation())).rejects.toThrow('the source is down');
      const state = await stored();
      expect(state).not.toHaveProperty('killed');
      expect(state).not.toHaveProperty('reading');
    });
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
