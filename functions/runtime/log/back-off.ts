import { setTimeout as delay } from 'node:timers/promises';

/** Waits. Rejects when the signal aborts. */
export type Sleep = (millis: number, signal: AbortSignal) => Promise<void>;

export const sleepFor: Sleep = (millis, signal) => delay(millis, undefined, { signal });

const FIRST_MILLIS = 100;
const LONGEST_MILLIS = 3_000;

/**
 * Returns the wait before the next attempt, in milliseconds. It doubles with every attempt (from 0). Half of it is
 * random, so that callers that failed together do not retry together.
 */
export function backOffMillis(attempt: number, random: () => number): number {
  const ceiling = Math.min(LONGEST_MILLIS, FIRST_MILLIS * 2 ** attempt);
  return Math.round(ceiling / 2 + (random() * ceiling) / 2);
}

/**
 * The kind of a failed call to AWS: it exceeded a limit, a retry may succeed, or it fails until somebody changes
 * something.
 */
export type FailureKind = 'throttled' | 'passing' | 'lasting';

export function failureKindOf(error: unknown): FailureKind {
  const { name, $fault, $metadata, cause } = error as AwsError;
  if (isThrottle(name)) return 'throttled';
  const status = $metadata?.httpStatusCode;
  if (status === 429) return 'throttled';
  if ($metadata?.clockSkewCorrected || TIMEOUTS.has(name ?? '')) return 'passing';
  if ($fault === 'server' || (status !== undefined && status >= 500)) return 'passing';
  if ($fault === undefined && (isNetworkError(error) || isNetworkError(cause))) return 'passing';
  return 'lasting';
}

/** Returns true when this name of an error, or `ErrorCode` of one record, says that a limit was exceeded. */
export function isThrottle(name: string | undefined): boolean {
  return THROTTLES.has(name ?? '');
}

export interface RetrySettings {
  readonly signal: AbortSignal;
  readonly sleep: Sleep;
  readonly random: () => number;
}

/**
 * Repeats a call until it succeeds or fails with an error that a retry cannot help. When the signal aborts, throws the
 * last error.
 */
export async function retry<T>(call: () => Promise<T>, { signal, sleep, random }: RetrySettings): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    signal.throwIfAborted();
    try {
      return await call();
    } catch (error) {
      if (signal.aborted || failureKindOf(error) === 'lasting') throw error;
      try {
        await sleep(backOffMillis(attempt, random), signal);
      } catch {
        throw error;
      }
    }
  }
}

interface AwsError {
  readonly name?: string;
  readonly cause?: unknown;
  readonly $fault?: 'client' | 'server';
  readonly $metadata?: { readonly httpStatusCode?: number; readonly clockSkewCorrected?: boolean };
}

function isNetworkError(error: unknown): boolean {
  const { code, syscall } = (error ?? {}) as { code?: string; syscall?: string };
  return syscall !== undefined || NETWORK_CODES.has(code ?? '') || (code?.startsWith('HPE_') ?? false);
}

const THROTTLES: ReadonlySet<string> = new Set([
  'ProvisionedThroughputExceededException',
  'LimitExceededException',
  'KMSThrottlingException',
  'ThrottlingException',
  'Throttling',
  'ThrottledException',
  'RequestLimitExceeded',
  'TooManyRequestsException',
  'SlowDown',
]);
const TIMEOUTS: ReadonlySet<string> = new Set(['TimeoutError', 'RequestTimeout', 'RequestTimeoutException']);
const NETWORK_CODES: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);
