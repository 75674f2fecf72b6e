import { AsyncLocalStorage } from 'node:async_hooks';
import type { VirtualClock } from '../../infra/emulator/clock.ts';

/**
 * One process of a step's function. Time and random numbers come from the run. As in Lambda, the process works during
 * an invocation and stands still between two. After it is killed nothing that it had begun goes on.
 */
export interface SimulatedProcess {
  readonly step: string;
  readonly clock: VirtualClock;
  readonly random: () => number;
  /** Sends a command of an AWS client to the run's services. */
  send(call: ClientCall): Promise<object>;
  isAlive(): boolean;
  /**
   * True when no fault may end the process: two processes have died with the same work before it, and a third death
   * would rightly reject an event.
   */
  isSpared: boolean;
  /** Runs synchronous code as part of the process. */
  run<Result>(work: () => Result): Result;
  /** Runs one invocation in the process. Rejects with `ProcessKilled` when the process dies first. */
  invocation<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Sleeps on the clock. In a dead process the sleep never ends; in one that stands still, only when it goes on. */
  sleep(millis: number, signal?: AbortSignal): Promise<void>;
  /** Returns a signal that aborts that much later, if the invocation lasts so long. */
  timeout(millis: number): AbortSignal;
  /** Resolves when the process works: never in a dead one, and in one that stands still only when it goes on. */
  running(): Promise<void>;
  /** Makes the process stand still from now on, until it is killed. */
  freeze(): void;
  kill(why: string): void;
}

/** A command that a client of the AWS SDK sends. */
export interface ClientCall {
  /** The SDK's name of the service, such as `DynamoDB`. */
  readonly serviceId: string;
  readonly command: object;
  readonly signal: AbortSignal | undefined;
}

export class ProcessKilled extends Error {
  constructor(why: string) {
    super(why);
    this.name = 'ProcessKilled';
  }
}

const inside = new AsyncLocalStorage<SimulatedProcess>();

/** Returns the simulated process that the running code belongs to, if any. */
export function currentProcess(): SimulatedProcess | undefined {
  return inside.getStore();
}

export function startProcess(
  of: Pick<SimulatedProcess, 'step' | 'clock' | 'random'> & {
    send(process: SimulatedProcess, call: ClientCall): Promise<object>;
  },
): SimulatedProcess {
  const { step, clock, random } = of;
  const death = Promise.withResolvers<never>();
  death.promise.catch(() => undefined);
  let isAlive = true;
  let invocationEnds: AbortController | undefined;
  let goesOn = Promise.withResolvers<void>();

  function standStill(): void {
    invocationEnds?.abort('the invocation has ended');
    invocationEnds = undefined;
    goesOn = Promise.withResolvers();
  }

  const process: SimulatedProcess = {
    step,
    clock,
    random,
    send: (call) => of.send(process, call),
    isAlive: () => isAlive,
    isSpared: false,
    run: (work) => inside.run(process, work),
    async invocation(work) {
      invocationEnds = new AbortController();
      goesOn.resolve();
      try {
        return await Promise.race([inside.run(process, work), death.promise]);
      } finally {
        if (isAlive) standStill();
      }
    },
    async sleep(millis, signal) {
      try {
        await clock.sleep(millis, signal);
      } finally {
        await process.running();
      }
    },
    timeout(millis) {
      const aborting = new AbortController();
      const abort = () => aborting.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError'));
      clock.sleep(millis, invocationEnds?.signal).then(abort, () => undefined);
      return aborting.signal;
    },
    running: () => (isAlive ? goesOn.promise : new Promise(() => undefined)),
    freeze() {
      goesOn = Promise.withResolvers();
    },
    kill(why) {
      if (!isAlive) return;
      isAlive = false;
      standStill();
      death.reject(new ProcessKilled(why));
    },
  };
  return process;
}
