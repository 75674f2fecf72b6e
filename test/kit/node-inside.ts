import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers/promises';
import zlib from 'node:zlib';
import { S3Client } from '@aws-sdk/client-s3';
import { randomUuid } from '../../infra/emulator/random-uuid.ts';
import { currentProcess } from './simulated-process.ts';

/**
 * Replaces Node's clocks, timers and random numbers, and the `send` of AWS clients, for code inside a simulated
 * process: that code gets the run's time, random numbers and services. So the runtime and the connectors need no seam
 * for tests, and two runs with one seed are the same. Code outside simulated processes is not affected.
 */
export function takeOverNode(): void {
  if (isTakenOver) return;
  isTakenOver = true;
  takeOverTime();
  takeOverChance();
  takeOverThreads();
  takeOverClients();
  syncBuiltinESMExports();
}

let isTakenOver = false;

function takeOverTime(): void {
  const { setTimeout: sleepReally } = timers;
  timers.setTimeout = async (millis, value, options) => {
    const process = currentProcess();
    if (process === undefined) return sleepReally(millis, value, options);
    await process.sleep(millis ?? 1, options?.signal);
    return value as never;
  };
  const timeoutReally = AbortSignal.timeout;
  AbortSignal.timeout = (millis) => currentProcess()?.timeout(millis) ?? timeoutReally.call(AbortSignal, millis);
  const nowReally = Date.now;
  Date.now = () => currentProcess()?.clock.now() ?? nowReally();
  globalThis.Date = new Proxy(Date, {
    construct: (date, given, target) => Reflect.construct(date, given.length === 0 ? [date.now()] : given, target),
  });
}

function takeOverChance(): void {
  const randomReally = Math.random;
  Math.random = () => (currentProcess()?.random ?? randomReally)();
  const bytesReally = crypto.randomBytes as (size: number, callback?: never) => Buffer;
  const bytes = (size: number, callback?: never): Buffer => {
    const process = currentProcess();
    if (process === undefined || callback !== undefined) return bytesReally(size, callback);
    return Buffer.from(Array.from({ length: size }, () => Math.floor(process.random() * 256)));
  };
  crypto.randomBytes = bytes as typeof crypto.randomBytes;
  const uuidReally = crypto.randomUUID;
  crypto.randomUUID = (options) => {
    const process = currentProcess();
    return process === undefined ? uuidReally(options) : (randomUuid(process.random) as crypto.UUID);
  };
}

/** Stops the clock while a stream of node:zlib compresses, because its thread is on no clock. Streams take turns. */
function takeOverThreads(): void {
  let turn: Promise<unknown> = Promise.resolve();
  const prototype = streamPrototype();
  const { _transform: transformReally } = prototype;
  prototype._transform = function transform(this: object, ...given) {
    const process = currentProcess();
    if (process === undefined) return transformReally.apply(this, given);
    const [chunk, encoding, callback] = given;
    const compressed = turn.then(
      () =>
        new Promise<unknown[]>((resolve) => {
          transformReally.call(this, chunk, encoding, (...result) => resolve(result));
        }),
    );
    turn = compressed;
    void process.clock.hold(() => compressed.then((result) => callback(...result)));
  };
}

interface ZlibStream {
  _transform(chunk: Uint8Array, encoding: string, callback: (...result: unknown[]) => void): void;
}

/** Finds the prototype of all streams of node:zlib. */
function streamPrototype(): ZlibStream {
  let prototype = zlib.Gzip.prototype as unknown as ZlibStream;
  while (!Object.hasOwn(prototype, '_transform')) prototype = Object.getPrototypeOf(prototype);
  return prototype;
}

/** Finds the prototype whose `send` all clients of the SDK inherit. */
function takeOverClients(): void {
  const prototype = Object.getPrototypeOf(S3Client.prototype) as SdkClient;
  const { send: sendReally } = prototype;
  prototype.send = function send(this: SdkClient, command, options) {
    const process = currentProcess();
    if (process === undefined) return sendReally.call(this, command, options);
    return process.send({ serviceId: this.config.serviceId, command, signal: options?.abortSignal });
  };
}

interface SdkClient {
  readonly config: { readonly serviceId: string };
  send(command: object, options?: { readonly abortSignal?: AbortSignal }): Promise<object>;
}
