import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { FunctionFailure, InstanceMessage, InvokeMessage } from './messages.ts';

/** The program of an instance's process: loads the bundle, then answers one call after the other. */
const [bundlePath = '', handlerName = '', memoryMb = '128'] = process.argv.slice(2);

process.on('disconnect', () => process.exit(0));
process.on('uncaughtException', (error) => void die(failureOf(error)));
process.on('unhandledRejection', (reason) => {
  void die({ ...failureOf(reason), errorType: 'Runtime.UnhandledPromiseRejection', message: messageOf(reason) });
});
guard();
const handler = await load();
process.on('message', (call: InvokeMessage) => {
  void answer(call);
});
send({ kind: 'ready' });

/**
 * Starts a thread that watches the memory and the host. A thread of its own, because the function may never yield the
 * main one.
 */
function guard(): void {
  const workerData = { limitBytes: Number(memoryMb) * 1_024 * 1_024, hostPid: process.ppid };
  new Worker(new URL('./guard.ts', import.meta.url), {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: 8 },
  }).unref();
}

async function load(): Promise<(event: unknown, context: object) => unknown> {
  const exportName = handlerName.slice(handlerName.lastIndexOf('.') + 1);
  let bundle: Record<string, unknown>;
  try {
    bundle = await import(pathToFileURL(bundlePath).href);
  } catch (error) {
    return die(failureOf(error));
  }
  const found = bundle[exportName];
  if (typeof found === 'function') return found as (event: unknown, context: object) => unknown;
  return die({
    errorType: 'Runtime.HandlerNotFound',
    message: `${handlerName} is undefined or not exported`,
    stackTrace: [],
  });
}

async function answer({ payload, requestId, functionArn, deadlineMillis }: InvokeMessage): Promise<void> {
  const functionName = functionArn.slice(functionArn.lastIndexOf(':') + 1);
  const context = {
    awsRequestId: requestId,
    callbackWaitsForEmptyEventLoop: true,
    functionName,
    functionVersion: '$LATEST',
    getRemainingTimeInMillis: () => Math.max(0, deadlineMillis - Date.now()),
    invokedFunctionArn: functionArn,
    logGroupName: `/aws/lambda/${functionName}`,
    logStreamName: `local/[$LATEST]${functionName}`,
    memoryLimitInMB: memoryMb,
  };
  try {
    send(returned(await handler(JSON.parse(payload), context)));
  } catch (error) {
    send({ kind: 'threw', ...failureOf(error) });
  }
}

function returned(result: unknown): InstanceMessage {
  let payload: string;
  try {
    payload = JSON.stringify(result) ?? 'null';
  } catch {
    const failure = { errorType: 'Runtime.MarshalError', message: 'Unable to stringify response body as json' };
    return { kind: 'threw', ...failure, stackTrace: [] };
  }
  if (Buffer.byteLength(payload) <= maxAnswerBytes) return { kind: 'returned', payload };
  const message = `Response payload size exceeded maximum allowed payload size (${maxAnswerBytes} bytes).`;
  return { kind: 'threw', errorType: 'Function.ResponseSizeTooLarge', message, stackTrace: [] };
}

/** Sends the reason to the host, then exits. */
function die(failure: FunctionFailure): Promise<never> {
  process.send?.({ kind: 'dying', ...failure }, () => process.exit(129));
  return new Promise<never>(() => undefined);
}

function failureOf(error: unknown): FunctionFailure {
  const isError = error instanceof Error;
  return {
    errorType: isError ? error.name : typeof error,
    message: messageOf(error),
    stackTrace: isError ? (error.stack ?? '').split('\n') : [],
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function send(message: InstanceMessage): void {
  process.send?.(message);
}

/** 6 MB, and the 100 bytes more that Lambda's own message names as the limit. */
const maxAnswerBytes = 6 * 1_024 * 1_024 + 100;
