import { LIMITS } from '../../infra/delivery.ts';
import type { VirtualClock } from '../../infra/emulator/clock.ts';
import type { InvokeResult } from '../../infra/emulator/invoke.ts';
import type { StepPlan } from '../../infra/pipelines/plan.ts';
import type { Calls } from './calls.ts';
import { clientError } from './sdk-errors.ts';
import { ProcessKilled, type SimulatedProcess } from './simulated-process.ts';

/** A step's handler in one process. */
export type Handler = (
  event: never,
  invocation: { awsRequestId: string; getRemainingTimeInMillis(): number },
) => Promise<unknown>;

/**
 * The functions of a run. As in Lambda, each process takes one invocation at a time, and more are started as needed.
 */
export interface Functions {
  invoke(step: StepPlan, request: Request): Promise<InvokeResult>;
  /** Ends all processes of a step, busy ones included. */
  kill(step: StepPlan): void;
  /**
   * Gives the caller of a process a service error although the process goes on working. Lambda then invokes another
   * process, so two work at once.
   */
  disconnect(process: SimulatedProcess): void;
  /** Returns the number of invocations in flight. */
  inFlight(): number;
}

export interface FunctionsSettings {
  readonly clock: VirtualClock;
  readonly calls: Calls;
  start(step: StepPlan): SimulatedProcess;
  /** Opens the step's handler. It is called inside the process. */
  open(step: StepPlan, process: SimulatedProcess): Handler;
  ended(step: StepPlan, why: string): void;
}

interface Instance {
  readonly process: SimulatedProcess;
  handler: Handler | undefined;
  /** Makes the caller of the current invocation lose the connection. */
  disconnect: () => void;
}

interface Request {
  readonly payload: string;
  readonly requestId: string;
}

export function openFunctions(settings: FunctionsSettings): Functions {
  const { clock, calls } = settings;
  const idle = new Map<StepPlan, Instance[]>();
  const working = new Map<StepPlan, Set<Instance>>();
  /** How many processes died in a row with the same work. */
  const deaths = new Map<string, number>();
  let inFlight = 0;

  /** Runs the handler in an instance. Rejects when the process dies; a handler's error leaves the process alive. */
  async function run(step: StepPlan, instance: Instance, request: Request) {
    const { process } = instance;
    const untilMillis = clock.now() + LIMITS[step.delivery].timeoutSeconds * 1_000;
    const done = new AbortController();
    clock.sleep(untilMillis - clock.now(), done.signal).then(
      () => process.kill(`Task timed out after ${LIMITS[step.delivery].timeoutSeconds}.00 seconds`),
      () => undefined,
    );
    const handled = async (): Promise<InvokeResult> => {
      instance.handler ??= settings.open(step, process);
      const answer = await instance.handler(JSON.parse(request.payload) as never, {
        awsRequestId: request.requestId,
        getRemainingTimeInMillis: () => untilMillis - clock.now(),
      });
      return { outcome: 'returned', payload: JSON.stringify(answer) ?? 'null' };
    };
    const call = {
      name: 'lambda.Invoke',
      perform: () => handled().catch(thrown),
      throttled: () => {
        throw clientError('TooManyRequestsException', 'Rate Exceeded.', 429);
      },
      attempts: 1,
      isInvocation: true as const,
      signal: undefined,
    };
    try {
      return await process.invocation(() => calls.make(process, call));
    } finally {
      // A reason spares the error that an abort makes, with its stack.
      done.abort('the invocation has ended');
    }
  }

  /** Runs one invocation to its end, even after its caller was disconnected. */
  async function work(step: StepPlan, instance: Instance, request: Request): Promise<InvokeResult> {
    const others = working.get(step) ?? new Set();
    working.set(step, others.add(instance));
    inFlight++;
    const what = workOf(step, request);
    instance.process.isSpared = (deaths.get(what) ?? 0) >= MOST_DEATHS;
    try {
      const result = await run(step, instance, request);
      // A processed announcement says nothing about the others, one of which may have killed a process.
      if (isDone(result) && step.delivery !== 'queue') deaths.delete(what);
      return result;
    } catch (error) {
      if (!(error instanceof ProcessKilled)) return refusalOf(error);
      settings.ended(step, error.message);
      deaths.set(what, (deaths.get(what) ?? 0) + 1);
      return { outcome: 'error', functionError: 'Unhandled', errorType: 'Runtime.ExitError', message: error.message };
    } finally {
      inFlight--;
      others.delete(instance);
      if (instance.process.isAlive()) idle.get(step)?.push(instance);
    }
  }

  return {
    invoke(step, request) {
      const waiting = (idle.get(step) ?? []).filter(({ process }) => process.isAlive());
      idle.set(step, waiting);
      const instance = waiting.pop() ?? {
        process: settings.start(step),
        handler: undefined,
        disconnect: () => undefined,
      };
      const disconnected = new Promise<InvokeResult>((resolve) => {
        instance.disconnect = () => {
          // The process that is invoked instead counts this one as dead.
          deaths.set(workOf(step, request), (deaths.get(workOf(step, request)) ?? 0) + 1);
          resolve({ outcome: 'service-error' });
        };
      });
      return Promise.race([work(step, instance, request), disconnected]);
    },
    disconnect(process) {
      const instances = [...working.values()].flatMap((some) => [...some]);
      instances.find((instance) => instance.process === process)?.disconnect();
    },
    kill(step) {
      for (const { process } of [...(idle.get(step) ?? []), ...(working.get(step) ?? [])])
        process.kill('the process was killed');
      idle.delete(step);
    },
    inFlight: () => inFlight,
  };
}

const MOST_DEATHS = 2;

/** Names the work of an invocation: a shard of a continuous step, or all work of another step. */
function workOf({ pipeline, name }: StepPlan, { payload }: Request): string {
  const { Records } = JSON.parse(payload) as { readonly Records?: readonly { readonly eventID?: string }[] };
  return `${pipeline}/${name} ${Records?.[0]?.eventID?.split(':')[0] ?? ''}`;
}

function isDone(result: InvokeResult): boolean {
  if (result.outcome !== 'returned') return false;
  const answer = JSON.parse(result.payload) as { readonly batchItemFailures?: readonly unknown[] } | null;
  return (answer?.batchItemFailures ?? []).length === 0;
}

/** Turns an error of the invocation itself into its result: the request did not arrive, or the answer was lost. */
function refusalOf(error: unknown): InvokeResult {
  const { name, code } = error as { readonly name?: string; readonly code?: string };
  if (name === 'TooManyRequestsException') return { outcome: 'throttled' };
  if (code !== undefined || name === 'TimeoutError') return { outcome: 'service-error' };
  throw error;
}

function thrown(error: unknown): InvokeResult {
  const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) };
  return { outcome: 'error', functionError: 'Unhandled', errorType: name, message };
}
