import { type ChildProcess, fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../clock.ts';
import type { InvokeResult } from '../invoke.ts';
import type { FunctionDefinition } from './function-definition.ts';
import type { FunctionFailure, InstanceMessage, InvokeMessage } from './messages.ts';

/** One process of a function. It takes one call at a time. */
export interface Instance {
  readonly definition: FunctionDefinition;
  isBusy(): boolean;
  /** It can take calls; after a time-out or a crash it cannot. */
  isWell(): boolean;
  invoke(call: Omit<InvokeMessage, 'deadlineMillis'>): Promise<InvokeResult>;
  kill(): Promise<void>;
  /** Resolves when the process is gone and all it wrote is read. */
  readonly ended: Promise<Ending>;
}

interface InstanceOptions {
  readonly definition: FunctionDefinition;
  readonly environment: Record<string, string>;
  readonly clock: Clock;
  readonly onLog: (line: string) => void;
}

type Ending = { readonly code: number | null; readonly signal: NodeJS.Signals | null; readonly why?: FunctionFailure };

/** A cold start. The module is loaded before the first call, in time of its own. */
export function startInstance({ definition, environment, clock, onLog }: InstanceOptions): Instance {
  const { bundlePath, handlerName, memoryMb, timeoutMillis } = definition;
  const child = fork(runtimePath, [bundlePath, handlerName, String(memoryMb)], {
    env: environment,
    execArgv: [`--max-old-space-size=${Math.floor(memoryMb * heapShare)}`],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  forwardLines(child, onLog);
  let isWell = true;
  let isBusy = false;
  let why: FunctionFailure | undefined;
  let heard: (message: InstanceMessage) => void = () => undefined;
  const ended = new Promise<Ending>((resolve) => {
    child.on('error', () => resolve({ code: 1, signal: null }));
    child.on('close', (code, signal) => resolve({ code, signal, ...(why === undefined ? {} : { why }) }));
  });
  child.on('exit', () => {
    isWell = false;
  });
  const ready = new Promise<void>((resolve) => {
    child.on('message', (message: InstanceMessage) => {
      if (message.told === 'ready') resolve();
      else if (message.told === 'dying') why = message;
      else heard(message);
    });
  });

  async function answered(call: Omit<InvokeMessage, 'deadlineMillis'>): Promise<InstanceMessage> {
    const message = new Promise<InstanceMessage>((resolve) => {
      heard = resolve;
    });
    child.send({ ...call, deadlineMillis: clock.now() + timeoutMillis }, () => undefined);
    return await message;
  }

  async function kill(): Promise<void> {
    isWell = false;
    child.kill('SIGKILL');
    await ended;
  }

  /** Whichever comes first: the work, the end of the process or of the time. */
  async function within<Result>(limitMillis: number, work: Promise<Result>): Promise<Result | Ending | 'timed-out'> {
    const inTime = new AbortController();
    const timer = clock.sleep(limitMillis, inTime.signal).then(
      () => 'timed-out' as const,
      () => 'timed-out' as const,
    );
    try {
      return await Promise.race([work, ended, timer]);
    } finally {
      inTime.abort();
    }
  }

  async function timedOut(requestId: string): Promise<InvokeResult> {
    await kill();
    const message = `RequestId: ${requestId} Error: Task timed out after ${(timeoutMillis / 1_000).toFixed(2)} seconds`;
    onLog(`${requestId} Task timed out after ${(timeoutMillis / 1_000).toFixed(2)} seconds`);
    return failed({ errorType: 'Sandbox.Timedout', message, stackTrace: [] });
  }

  return {
    definition,
    isBusy: () => isBusy,
    isWell: () => isWell,
    kill,
    ended,
    async invoke(call) {
      isBusy = true;
      try {
        const begun = await within(
          loadMillis + timeoutMillis,
          ready.then(() => undefined),
        );
        if (begun === 'timed-out') return await timedOut(call.requestId);
        if (begun !== undefined) return crashed(begun, call.requestId);
        const outcome = await within(timeoutMillis, answered(call));
        if (outcome === 'timed-out') return await timedOut(call.requestId);
        if (!('told' in outcome)) return crashed(outcome, call.requestId);
        return outcome.told === 'returned'
          ? { outcome: 'returned', payload: outcome.payload }
          : failed(outcome as FunctionFailure);
      } finally {
        isBusy = false;
      }
    },
  };
}

const runtimePath = fileURLToPath(new URL('./runtime.ts', import.meta.url));

/** What Lambda gives a function to load its code; what takes longer is loaded again in the time of the first call. */
const loadMillis = 10_000;

/** The rest of the memory is for what is not on the heap: buffers, code, the runtime itself. */
const heapShare = 0.9;

function forwardLines({ stdout, stderr }: ChildProcess, onLog: (line: string) => void): void {
  for (const input of [stdout, stderr]) {
    if (input !== null) createInterface({ input }).on('line', onLog);
  }
}

function crashed({ code, signal, why }: Ending, requestId: string): InvokeResult {
  if (why !== undefined) return failed(why);
  const message = `RequestId: ${requestId} Error: ${exitReason(code, signal)}`;
  return failed({ errorType: 'Runtime.ExitError', message, stackTrace: [] });
}

function exitReason(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal !== null) return `Runtime exited with error: signal: ${signalNames[signal] ?? signal}`;
  return code === 0 ? 'Runtime exited without providing a reason' : `Runtime exited with error: exit status ${code}`;
}

/** As the service writes them. */
const signalNames: Partial<Record<NodeJS.Signals, string>> = {
  SIGABRT: 'aborted',
  SIGILL: 'illegal instruction',
  SIGKILL: 'killed',
  SIGSEGV: 'segmentation fault',
  SIGTERM: 'terminated',
  SIGTRAP: 'trace/breakpoint trap',
};

function failed({ errorType, message, stackTrace }: FunctionFailure): InvokeResult {
  return { outcome: 'error', functionError: 'Unhandled', errorType, message, stackTrace };
}
