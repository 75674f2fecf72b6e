import { backOffMillis, failureKindOf } from '../../functions/runtime/log/back-off.ts';
import type { FaultKind, Faults } from './faults.ts';
import { aborted, clientError, connectionReset, timedOut } from './sdk-errors.ts';
import type { SimulatedProcess } from './simulated-process.ts';

/** A call that a step makes to a service. */
export interface Call<Result> {
  /** For example `kinesis.PutRecords`. */
  readonly name: string;
  /** Performs the call. */
  readonly perform: () => Result | Promise<Result>;
  /** Returns the service's answer when it throttles, or throws where that answer is an error. */
  readonly throttled: () => Result | Promise<Result>;
  /** How often the client sends the request in all, retries included. */
  readonly attempts: number;
  /** The call invokes the process itself. */
  readonly isInvocation?: true;
  readonly signal: AbortSignal | undefined;
}

export interface Calls {
  /**
   * Makes the call for a process, with its faults. Rejects as the client would; never settles in a process that died.
   */
  make<Result>(process: SimulatedProcess, call: Call<Result>): Promise<Result>;
}

export interface CallSettings {
  readonly faults: Faults;
  /** Gives another process the work of this one. */
  readonly overtake: (process: SimulatedProcess) => void;
  readonly onFault: (process: SimulatedProcess, fault: { readonly call: string; readonly kind: FaultKind }) => void;
}

/**
 * Opens the calls of a run. Request and answer each take a random time on the clock, so that every seed interleaves
 * concurrent work differently.
 */
export function openCalls({ faults, overtake, onFault }: CallSettings): Calls {
  async function once<Result>(process: SimulatedProcess, call: Call<Result>): Promise<Result> {
    const { name, perform, throttled, signal } = call;
    await process.running();
    const site = `${process.step} ${name}`;
    const meanwhile = faults.dueMeanwhile(site);
    const kind = faults.next(site, process);
    if (kind !== undefined) onFault(process, { call: name, kind });
    await meanwhile();
    if ((kind === 'late' || kind === 'killed in between') && !call.isInvocation) return late(process, call, kind);
    await leave(process, call, kind);
    if (kind === 'request lost') throw connectionReset();
    const result = kind === 'throttled' ? await throttled() : await perform();
    if (kind === 'killed after') return killed(process, name);
    if (kind === 'reply lost') {
      await travel(process, signal, CLIENT_TIMEOUT_MILLIS);
      throw timedOut();
    }
    await travel(process, signal);
    return result;
  }

  /** Applies the faults that strike before the request is carried out. */
  async function leave(process: SimulatedProcess, call: Call<unknown>, kind: FaultKind | undefined): Promise<void> {
    const { name, signal } = call;
    if (kind === 'killed before') return killed(process, name);
    if (kind === 'timed out') process.freeze();
    if (kind === 'overtaken' || kind === 'late') {
      overtake(process);
      await travel(process, signal, kind === 'late' ? latenessOf(process) : OVERTAKEN_MILLIS);
    }
    if (kind === 'killed in between')
      void process.clock.sleep(latenessOf(process)).then(() => killed(process, `some call in ${name}`));
    await travel(process, signal);
  }

  /** Carries the request out after its sender has given up or died. */
  async function late<Result>(
    process: SimulatedProcess,
    { name, perform, signal }: Call<Result>,
    kind: 'late' | 'killed in between',
  ): Promise<Result> {
    const isKilled = kind === 'killed in between';
    void process.clock.sleep((isKilled ? 0 : CLIENT_TIMEOUT_MILLIS) + latenessOf(process)).then(async () => {
      try {
        await perform();
      } catch {
        // No sender is left to receive the error.
      }
    });
    if (isKilled) return killed(process, name);
    await travel(process, signal, CLIENT_TIMEOUT_MILLIS);
    throw timedOut();
  }

  return {
    async make(process, call) {
      for (let attempt = 1; ; attempt++) {
        try {
          return await once(process, call);
        } catch (error) {
          if (attempt >= call.attempts || call.signal?.aborted || failureKindOf(error) === 'lasting') throw error;
          await process.sleep(backOffMillis(attempt, process.random), call.signal);
        }
      }
    },
  };
}

const LONGEST_WAY_MILLIS = 10;
const CLIENT_TIMEOUT_MILLIS = 5_000;
const LATEST_MILLIS = 2 * 60_000;
/** Long enough for another process to do the work, and shorter than a function's limit. */
const OVERTAKEN_MILLIS = 2 * 60_000;

/** Returns a random delay, mostly a short one: the cube of a number below 1 is small. */
function latenessOf({ random }: SimulatedProcess): number {
  return random() ** 3 * LATEST_MILLIS;
}

async function travel(process: SimulatedProcess, signal: AbortSignal | undefined, millis?: number): Promise<void> {
  try {
    await process.sleep(millis ?? 1 + process.random() * LONGEST_WAY_MILLIS, signal);
  } catch {
    throw aborted();
  }
}

function killed(process: SimulatedProcess, call: string): Promise<never> {
  process.kill(`the process died at ${call}`);
  return new Promise(() => undefined);
}

/** Makes the error with which a service throttles. */
export function throttleError(service: string): Error {
  const [name, status] = THROTTLES[service] ?? ['ThrottlingException', 400];
  return clientError(name, 'Rate exceeded', status);
}

const THROTTLES: Readonly<Record<string, readonly [string, number]>> = {
  kinesis: ['ProvisionedThroughputExceededException', 400],
  s3: ['SlowDown', 503],
};
