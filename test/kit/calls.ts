import { backOffMillis, troubleOf } from '../../functions/runtime/log/back-off.ts';
import type { FaultKind, Faults } from './faults.ts';
import { aborted, clientError, connectionReset, timedOut } from './sdk-errors.ts';
import type { SimulatedProcess } from './simulated-process.ts';

/** A call of a step to the outside. */
export interface Call<Result> {
  /** `kinesis.PutRecords`. */
  readonly name: string;
  /** Carries it out. */
  readonly perform: () => Result | Promise<Result>;
  /** What the service answers when it takes no more; throws where that is an error. */
  readonly throttled: () => Result | Promise<Result>;
  /** How often the client sends it, all in all. */
  readonly attempts: number;
  /** What is called is the process itself, by whoever invokes the function. */
  readonly isInvocation?: true;
  readonly signal: AbortSignal | undefined;
}

export interface Calls {
  /**
   * Makes the call for a process, with whatever goes wrong. Rejects as the client would; never settles in a process
   * that died.
   */
  make<Result>(process: SimulatedProcess, call: Call<Result>): Promise<Result>;
}

export interface CallSettings {
  readonly faults: Faults;
  /** Another process is given the work that this one has in hand. */
  readonly overtake: (process: SimulatedProcess) => void;
  readonly told: (process: SimulatedProcess, fault: { readonly call: string; readonly kind: FaultKind }) => void;
}

/**
 * Every call takes some time on the clock, there and back, so that what runs at once is interleaved in as many ways as
 * there are seeds.
 */
export function openCalls({ faults, overtake, told }: CallSettings): Calls {
  async function once<Result>(process: SimulatedProcess, call: Call<Result>): Promise<Result> {
    const { name, perform, throttled, signal } = call;
    await process.running();
    const site = `${process.step} ${name}`;
    const happening = faults.happening(site);
    const kind = faults.next(site, process);
    if (kind !== undefined) told(process, { call: name, kind });
    await happening();
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

  /** Whatever happens to the call before it is carried out. */
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

  /** Who sent it does not wait until it is carried out. */
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
        // Nobody is there to hear of a refusal.
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
          if (attempt >= call.attempts || call.signal?.aborted || troubleOf(error) === 'lasting') throw error;
          await process.sleep(backOffMillis(attempt, process.random), call.signal);
        }
      }
    },
  };
}

const LONGEST_WAY_MILLIS = 10;
const CLIENT_TIMEOUT_MILLIS = 5_000;
const LATEST_MILLIS = 2 * 60_000;
/** Long enough for another process to do the work, and less than a function's time. */
const OVERTAKEN_MILLIS = 2 * 60_000;

/** Mostly short: the cube of chance is small. */
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

/** What a service's refusal for being asked too much looks like. */
export function throttleError(service: string): Error {
  const [name, status] = THROTTLES[service] ?? ['ThrottlingException', 400];
  return clientError(name, 'Rate exceeded', status);
}

const THROTTLES: Readonly<Record<string, readonly [string, number]>> = {
  kinesis: ['ProvisionedThroughputExceededException', 400],
  s3: ['SlowDown', 503],
};
