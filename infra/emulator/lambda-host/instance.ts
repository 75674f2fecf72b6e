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
  /** False after a time-out or a crash: then the instance takes no more calls. */
  isUsable(): boolean;
  invoke(call: Omit<InvokeMessage, 'deadlineMillis'>): Promise<InvokeResult>;
  kill(): Promise<void>;
  /** Resolves when the process is gone and all its output has been read. */
  readonly ended: Promise<Ending>;
}

interface InstanceOptions {
  readonly definition: FunctionDefinition;
  readonly environment: Record<string, string>;
  readonly clock: Clock;
  readonly onLog: (line: string) => void;
}

type Ending = { readonly code: number | null; readonly signal: NodeJS.Signals | null; readonly why?: FunctionFailure };

/** Starts an instance: a cold start. The process loads the module before the first call, in time of its own. */
export function startInstance({ definition, environment, clock, onLog }: InstanceOptions): Instance {
  const { bundlePath, handlerName, memoryMb, timeoutMillis } = definition;
  const child = fork(runtimePath, [bundlePath, handlerName, String(memoryMb)], {
    env: environment,
    execArgv: [`--max-old-space-size=${Math.floor(memoryMb * heapShare)}`],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  forwardLines(child, onLog);
  let isUsable = true;
  let isBusy = false;
  let why: FunctionFailure | undefined;
  let onAnswer: (message: InstanceMessage) => void = () => undefined;
  const ended = new Promise<Ending>((resolve) => {
    child.on('error', () => resolve({ code: 1, signal: null }));
    child.on('close', (code, signal) => resolve({ code, signal, ...(why === undefined ? {} : { why }) }));
  });
  child.on('exit', () => {
    isUsable = false;
  });
  const ready = new Promise<void>((resolve) => {
    child.on('message', (message: InstanceMessage) => {
      if (message.kind === 'ready') resolve();
      else if (message.kind === 'dying') why = message;
      else onAnswer(message);
    });
  });

  async function answerTo(call: Omit<InvokeMessage, 'deadlineMillis'>): Promise<InstanceMessage> {
    const message = new Promise<InstanceMessage>((resolve) => {
      onAnswer = resolve;
    });
    child.send({ ...call, deadlineMillis: clock.now() + timeoutMillis }, () => undefined);
    return await message;
  }

  async function kill(): Promise<void> {
    isUsable = false;
    child.kill('SIGKILL');
    await ended;
  }

  /** Waits for whichever comes first: the work, the end of the process, or the end of the time. */
  async function within<Result>(limitMillis: number, work: Promise<Result>): Promise<Result | Ending | 'timed-out'> {
    const done = new AbortController();
    const timer = clock.sleep(limitMillis, done.signal).then(
      () => 'timed-out' as const,
      () => 'timed-out' as const,
    );
    try {
      return await Promise.race([work, ended, timer]);
    } finally {
      done.abort();
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
    isUsable: () => isUsable,
    kill,
    ended,
    async invoke(call) {
      isBusy = true;
      try {
        const loaded = await within(
          loadMillis + timeoutMillis,
          ready.then(() => undefined),
        );
        if (loaded === 'timed-out') return await timedOut(call.requestId);
        if (loaded !== undefined) return crashed(loaded, call.requestId);
        const outcome = await within(timeoutMillis, answerTo(call));
        if (outcome === 'timed-out') return await timedOut(call.requestId);
        if (!('kind' in outcome)) return crashed(outcome, call.requestId);
        return outcome.kind === 'returned'
          ? { outcome: 'returned', payload: outcome.payload }
          : failed(outcome as FunctionFailure);
      } finally {
        isBusy = false;
      }
    },
  };
}

const runtimePath = fileURLToPath(new URL('./runtime.ts', import.meta.url));

/** The time that Lambda gives a function to load its code, before that counts as time of the first call. */
const loadMillis = 10_000;

/** The heap's share of a function's memory. The rest is for buffers, code and the runtime itself. */
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

/** The names of signals in Lambda's messages. */
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
