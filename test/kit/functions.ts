import { LIMITS } from '../../infra/delivery.ts';
import type { VirtualClock } from '../../infra/emulator/clock.ts';
import type { InvokeResult } from '../../infra/emulator/invoke.ts';
import type { StepPlan } from '../../infra/pipelines/plan.ts';
import type { Calls } from './calls.ts';
import { clientError } from './sdk-errors.ts';
import { ProcessKilled, type SimulatedProcess } from './simulated-process.ts';

/** A step's handler, as one process has it. */
export type Handler = (
  event: never,
  invocation: { awsRequestId: string; getRemainingTimeInMillis(): number },
) => Promise<unknown>;

/**
 * The functions of a run, as Lambda keeps them: as many processes as are needed at once, each with one invocation at a
 * time.
 */
export interface Functions {
  invoke(step: StepPlan, request: Request): Promise<InvokeResult>;
  /** Ends a step's processes, those at work included. */
  kill(step: StepPlan): void;
  /**
   * Whoever has called a process gets an error of the service, though it is still at work: Lambda calls another one
   * then, and there are two at once.
   */
  forsake(process: SimulatedProcess): void;
  /** How many invocations are under way. */
  underWay(): number;
}

export interface FunctionsSettings {
  readonly clock: VirtualClock;
  readonly calls: Calls;
  start(step: StepPlan): SimulatedProcess;
  /** Called inside the process. */
  open(step: StepPlan, process: SimulatedProcess): Handler;
  ended(step: StepPlan, why: string): void;
}

interface Instance {
  readonly process: SimulatedProcess;
  handler: Handler | undefined;
  /** Whoever waits for the invocation under way loses the connection. */
  forsake: () => void;
}

interface Request {
  readonly payload: string;
  readonly requestId: string;
}

export function openFunctions(settings: FunctionsSettings): Functions {
  const { clock, calls } = settings;
  const idle = new Map<StepPlan, Instance[]>();
  const working = new Map<StepPlan, Set<Instance>>();
  /** Processes that died one after the other with the same work. */
  const deaths = new Map<string, number>();
  let underWay = 0;

  /** Runs the handler in an instance. Rejects when the process dies; an error of the handler leaves it alive. */
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
      done.abort();
    }
  }

  /** Runs one invocation to its end, also when nobody waits for it any more. */
  async function work(step: StepPlan, instance: Instance, request: Request): Promise<InvokeResult> {
    const others = working.get(step) ?? new Set();
    working.set(step, others.add(instance));
    underWay++;
    const what = workOf(step, request);
    instance.process.isSpared = (deaths.get(what) ?? 0) >= MOST_DEATHS;
    try {
      const result = await run(step, instance, request);
      // An announcement that is done says nothing of the others, which may be of the item that a process died with.
      if (isDone(result) && step.delivery !== 'queue') deaths.delete(what);
      return result;
    } catch (error) {
      if (!(error instanceof ProcessKilled)) return refusalOf(error);
      settings.ended(step, error.message);
      deaths.set(what, (deaths.get(what) ?? 0) + 1);
      return { outcome: 'error', functionError: 'Unhandled', errorType: 'Runtime.ExitError', message: error.message };
    } finally {
      underWay--;
      others.delete(instance);
      if (instance.process.isAlive()) idle.get(step)?.push(instance);
    }
  }

  return {
    invoke(step, request) {
      const waiting = (idle.get(step) ?? []).filter(({ process }) => process.isAlive());
      idle.set(step, waiting);
      const instance = waiting.pop() ?? { process: settings.start(step), handler: undefined, forsake: () => undefined };
      const forsaken = new Promise<InvokeResult>((resolve) => {
        instance.forsake = () => {
          // Whoever is called instead takes it for dead.
          deaths.set(workOf(step, request), (deaths.get(workOf(step, request)) ?? 0) + 1);
          resolve({ outcome: 'service-error' });
        };
      });
      return Promise.race([work(step, instance, request), forsaken]);
    },
    forsake(process) {
      const instances = [...working.values()].flatMap((some) => [...some]);
      instances.find((instance) => instance.process === process)?.forsake();
    },
    kill(step) {
      for (const { process } of [...(idle.get(step) ?? []), ...(working.get(step) ?? [])])
        process.kill('the process was killed');
      idle.delete(step);
    },
    underWay: () => underWay,
  };
}

const MOST_DEATHS = 2;

/**
 * A shard of a continuous step is the work of one process after the other; anything else of a step is taken together.
 */
function workOf({ pipeline, name }: StepPlan, { payload }: Request): string {
  const { Records } = JSON.parse(payload) as { readonly Records?: readonly { readonly eventID?: string }[] };
  return `${pipeline}/${name} ${Records?.[0]?.eventID?.split(':')[0] ?? ''}`;
}

function isDone(result: InvokeResult): boolean {
  if (result.outcome !== 'returned') return false;
  const answer = JSON.parse(result.payload) as { readonly batchItemFailures?: readonly unknown[] } | null;
  return (answer?.batchItemFailures ?? []).length === 0;
}

/** A call that did not reach the function, or whose answer was lost. */
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
