import { getEventListeners } from 'node:events';
import { setTimeout as realTimeout } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { systemClock, virtualClock } from '../../../infra/emulator/clock.ts';

describe('the virtual clock', () => {
  test('stands still until it is moved', async () => {
    const clock = virtualClock({ startMillis: 1_000 });
    let woke = false;
    void clock.sleep(1).then(() => {
      woke = true;
    });
    await realTimeout(5);
    expect([clock.now(), woke]).toEqual([1_000, false]);
    await clock.advance(1);
    expect([clock.now(), woke]).toEqual([1_001, true]);
  });

  test('wakes sleepers in the order of their times, and those of one moment in the order in which they fell asleep', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(5), { maxLength: 40 }), async (delays) => {
        const clock = virtualClock({ startMillis: 0 });
        const woken: { index: number; atMillis: number }[] = [];
        for (const [index, delay] of delays.entries()) {
          void clock.sleep(delay).then(() => woken.push({ index, atMillis: clock.now() }));
        }
        await clock.advance(5);
        const expected = delays.map((atMillis, index) => ({ index, atMillis }));
        expect(woken).toEqual(expected.sort((a, b) => a.atMillis - b.atMillis || a.index - b.index));
      }),
    );
  });

  test('does not wake sleepers that were aborted, and wakes all others', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.record({ delay: fc.nat(20), abort: fc.boolean() })), async (sleepers) => {
        const clock = virtualClock({ startMillis: 0 });
        const outcomes = sleepers.map(({ delay, abort }) => {
          const controller = new AbortController();
          const outcome = clock.sleep(delay, controller.signal).then(
            () => clock.now(),
            (reason: unknown) => reason,
          );
          return { abort, controller, outcome };
        });
        for (const { abort, controller } of outcomes) if (abort) controller.abort('enough');
        await clock.advance(20);
        const seen = await Promise.all(outcomes.map(({ outcome }) => outcome));
        expect(seen).toEqual(sleepers.map(({ delay, abort }) => (abort ? 'enough' : delay)));
      }),
    );
  });

  test('rejects at once when the signal has already aborted', async () => {
    const clock = virtualClock({ startMillis: 0 });
    await expect(clock.sleep(1, AbortSignal.abort('gone'))).rejects.toBe('gone');
  });

  test('lets promises run as far as they can before time moves', async () => {
    const clock = virtualClock({ startMillis: 0 });
    const seen: string[] = [];
    const chain = async () => {
      for (let step = 0; step < 100; step++) await Promise.resolve();
      seen.push(`chain at ${clock.now()}`);
      await clock.sleep(10);
      seen.push(`chain at ${clock.now()}`);
    };
    void chain();
    void clock.sleep(5).then(() => seen.push(`sleeper at ${clock.now()}`));
    await clock.advance(10);
    expect(seen).toEqual(['chain at 0', 'sleeper at 5', 'chain at 10']);
  });

  test('runs until a promise settles, and settles in the same way', async () => {
    const clock = virtualClock({ startMillis: 0 });
    const work = async () => {
      await clock.sleep(60_000);
      return 'done';
    };
    expect(await clock.runUntil(work())).toBe('done');
    expect(clock.now()).toBe(60_000);
    const failing = clock.sleep(1).then(() => Promise.reject(new Error('broken')));
    await expect(clock.runUntil(failing)).rejects.toThrow('broken');
  });

  test('runs until a predicate is true, and no longer', async () => {
    const clock = virtualClock({ startMillis: 0 });
    let ticks = 0;
    const ticking = async () => {
      for (;;) {
        await clock.sleep(10);
        ticks++;
      }
    };
    void ticking();
    await clock.runUntil(() => ticks === 3);
    expect(clock.now()).toBe(30);
  });

  test('throws when nothing sleeps on it', async () => {
    const clock = virtualClock({ startMillis: 0 });
    await expect(clock.runUntil(new Promise(() => {}))).rejects.toThrow('nothing sleeps on the clock');
    await expect(clock.runUntil(() => false)).rejects.toThrow('nothing sleeps on the clock');
  });

  test('listens to a signal only while somebody sleeps, and to none after its end', async () => {
    const clock = virtualClock({ startMillis: 0 });
    const { signal } = new AbortController();
    const sleeping = clock.sleep(5, signal);
    void clock.sleep(60_000, signal);
    expect(getEventListeners(signal, 'abort')).toHaveLength(2);
    await clock.advance(10);
    await sleeping;
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    clock.end();
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  test('stands still while hold() runs', async () => {
    const clock = virtualClock({ startMillis: 0 });
    const held = clock.hold(async () => {
      await realTimeout(5);
      return clock.now();
    });
    const overslept = clock.sleep(1);
    await clock.runUntil(Promise.all([held, overslept]));
    expect(await held).toBe(0);
  });

  test('refuses to be moved twice at once', async () => {
    const clock = virtualClock({ startMillis: 0 });
    const first = clock.advance(10);
    await expect(clock.advance(10)).rejects.toThrow('the clock is already moving');
    await first;
    expect(clock.now()).toBe(10);
  });
});

describe('the system clock', () => {
  test('sleeps, and rejects with the reason of the signal', async () => {
    const clock = systemClock();
    const before = clock.now();
    await clock.sleep(2);
    expect(clock.now()).toBeGreaterThanOrEqual(before);
    const controller = new AbortController();
    const sleeping = clock.sleep(60_000, controller.signal);
    controller.abort('enough');
    await expect(sleeping).rejects.toBe('enough');
    await expect(clock.sleep(1, AbortSignal.abort('gone'))).rejects.toBe('gone');
  });
});
