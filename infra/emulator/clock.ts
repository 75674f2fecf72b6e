import { setTimeout as timeout } from 'node:timers/promises';
import { wakeUps } from './wake-ups.ts';

/** The one source of time in the emulator. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves `millis` later; rejects with the signal's reason when that aborts first. */
  sleep(millis: number, signal?: AbortSignal): Promise<void>;
}

/** A clock that stands still until `advance` or `runUntil` moves it, and then jumps from one wake-up to the next. */
export interface VirtualClock extends Clock {
  /** Lets `millis` pass. Resolves when everything that was due in between has run as far as it could. */
  advance(millis: number): Promise<void>;
  /**
   * Lets time pass until the promise settles, and settles in the same way; or until the predicate is true, which is
   * asked before each jump.
   */
  runUntil<Result>(goal: Promise<Result>): Promise<Result>;
  runUntil(goal: () => boolean): Promise<void>;
  /**
   * Keeps time still while `work` runs. Wrap in it any work that waits for something outside of this clock: a socket, a
   * file, a thread. Such work must not sleep on the clock itself.
   */
  hold<Result>(work: () => Promise<Result>): Promise<Result>;
  /**
   * Ends the clock: what sleeps on it never wakes, and signals do not keep it in memory. Node keeps a signal that
   * `AbortSignal.any` has made for as long as somebody listens to it.
   */
  end(): void;
}

/** Makes a clock that shows the time of this machine. */
export function systemClock(): Clock {
  return {
    now: () => Date.now(),
    async sleep(millis, signal) {
      signal?.throwIfAborted();
      try {
        for (let left = millis; left > 0; left -= longestTimeout) {
          await timeout(Math.min(left, longestTimeout), undefined, signal === undefined ? {} : { signal });
        }
      } catch (error) {
        signal?.throwIfAborted();
        throw error;
      }
    },
  };
}

/** `setTimeout` fires at once when it is asked for more milliseconds. */
const longestTimeout = 2 ** 31 - 1;

/**
 * Makes a clock that moves only while `advance` or `runUntil` is under way, and only when everything that runs on the
 * clock is asleep: pending promises run first. Sleepers that are due at the same millisecond wake in the order in which
 * they fell asleep.
 */
export function virtualClock({ startMillis }: { startMillis: number }): VirtualClock {
  let nowMillis = startMillis;
  let holds = 0;
  let moving = false;
  let noHolds: (() => void) | undefined;
  const sleepers = wakeUps();
  /** Each removes the listener of a sleeper that has a signal. */
  const listening = new Set<() => void>();

  async function allAsleep(): Promise<void> {
    await pendingPromises();
    while (holds > 0) {
      await new Promise<void>((resolve) => {
        noHolds = resolve;
      });
      await pendingPromises();
    }
  }

  /** Jumps to the next wake-up and wakes all sleepers that are due then. False when that is after `limitMillis`. */
  function wakeNext(limitMillis: number): boolean {
    const due = sleepers.nextMillis();
    if (due === undefined || due > limitMillis) return false;
    nowMillis = due;
    for (const wake of sleepers.take(due)) wake();
    return true;
  }

  async function move<Result>(jumps: () => Promise<Result>): Promise<Result> {
    if (moving) throw new Error('the clock is already moving: call advance or runUntil one at a time');
    moving = true;
    try {
      await allAsleep();
      return await jumps();
    } finally {
      moving = false;
    }
  }

  async function runUntil(isReached: () => boolean): Promise<void> {
    while (!isReached()) {
      if (!wakeNext(Number.POSITIVE_INFINITY)) {
        throw new Error('nothing sleeps on the clock, so it cannot move: wrap work that waits for real time in hold()');
      }
      await allAsleep();
    }
  }

  return {
    now: () => nowMillis,
    sleep(millis, signal) {
      if (signal?.aborted) return Promise.reject(signal.reason);
      const dueMillis = nowMillis + Math.max(0, Math.ceil(millis));
      if (signal === undefined) return new Promise((resolve) => sleepers.add(dueMillis, resolve));
      return new Promise((resolve, reject) => {
        const stopListening = () => {
          signal.removeEventListener('abort', abort);
          listening.delete(stopListening);
        };
        const abort = () => {
          stopListening();
          sleepers.remove(sleeper);
          reject(signal.reason);
        };
        const sleeper = sleepers.add(dueMillis, () => {
          stopListening();
          resolve();
        });
        signal.addEventListener('abort', abort);
        listening.add(stopListening);
      });
    },
    advance(millis) {
      return move(async () => {
        const endMillis = nowMillis + millis;
        while (wakeNext(endMillis)) await allAsleep();
        nowMillis = endMillis;
      });
    },
    runUntil<Result>(goal: Promise<Result> | (() => boolean)) {
      const { isReached, result } = typeof goal === 'function' ? { isReached: goal, result: undefined } : watched(goal);
      return move(async () => {
        await runUntil(isReached);
        return result as Promise<Result>;
      });
    },
    async hold(work) {
      holds++;
      try {
        return await work();
      } finally {
        holds--;
        if (holds === 0) noHolds?.();
      }
    },
    end() {
      for (const stopListening of listening) stopListening();
    },
  };
}

function watched<Result>(result: Promise<Result>) {
  let isSettled = false;
  const settle = () => {
    isSettled = true;
  };
  result.then(settle, settle);
  return { isReached: () => isSettled, result };
}

/** Resolves when all pending promises and `nextTick` callbacks have run: only then Node runs immediates. */
function pendingPromises(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
