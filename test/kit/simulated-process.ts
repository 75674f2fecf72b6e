import { AsyncLocalStorage } from 'node:async_hooks';
import type { VirtualClock } from '../../infra/emulator/clock.ts';

/**
 * One process of a step's function. It takes time and chance from the run that it is part of, works while an invocation
 * is under way, stands still between two of them as Lambda lets it, and can be killed: then nothing it has begun goes
 * on.
 */
export interface SimulatedProcess {
  readonly step: string;
  readonly clock: VirtualClock;
  readonly random: () => number;
  /** A call of an AWS client to the run's services. */
  send(call: ClientCall): Promise<object>;
  isAlive(): boolean;
  /**
   * Nothing that happens to its calls ends it. Two processes before it died with the same work, and a third one that
   * dies for no reason would be what an event is rejected for, as it should be.
   */
  isSpared: boolean;
  /** Runs code that takes no time as part of the process. */
  run<Result>(work: () => Result): Result;
  /** Runs one invocation in the process. Rejects with `ProcessKilled` when it dies before that has ended. */
  invocation<Result>(work: () => Promise<Result>): Promise<Result>;
  /**
   * Like the clock's; whoever sleeps in a process that dies or stands still does not wake up, or not before it goes on.
   */
  sleep(millis: number, signal?: AbortSignal): Promise<void>;
  /** Aborts that much later, should the invocation last so long. */
  timeout(millis: number): AbortSignal;
  /** Never resolves in a process that is dead, and in one that stands still only when it goes on. */
  running(): Promise<void>;
  /** Stands still from now on, whatever wakes up in it, until it is killed. */
  freeze(): void;
  kill(why: string): void;
}

/** What a client of the SDK is asked to send. */
export interface ClientCall {
  /** As the SDK names the service: `DynamoDB`. */
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

/** The process that the running code is part of; undefined for everybody else's code. */
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
    invocationEnds?.abort();
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
