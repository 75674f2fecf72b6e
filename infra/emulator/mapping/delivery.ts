import { invokeSafely } from '../invoke.ts';
import { randomUuid } from '../random-uuid.ts';
import { rangeOf } from './batches.ts';
import type { Invocation } from './discarded.ts';
import { backOff } from './pace.ts';
import { type BatchRecord, invocationPayload, maxPayloadBytes, payloadBytes } from './records.ts';
import { readResponse, type Verdict } from './response.ts';
import type { Run } from './run.ts';
import type { Shard } from './shard.ts';

/** Records that go to the function together, with the failures so far. */
interface Part {
  readonly records: readonly BatchRecord[];
  /** How often the function failed with exactly these records. MaximumRetryAttempts plus one is the limit. */
  readonly failures: number;
  /** How often in a row Lambda could not call the function. Only the back-off counts these. */
  readonly notCalled: number;
  readonly last: Invocation | undefined;
}

/**
 * Delivers one batch. Resolves when the function has processed each of its records, or they were discarded. A batch
 * that is split becomes parts. Parts are delivered in the order of the shard, and the shard waits meanwhile, so no
 * record overtakes one that still fails.
 */
export async function deliver(run: Run, shard: Shard, { batch, signal }: Batch): Promise<void> {
  let parts: readonly Part[] = [{ records: batch, failures: 0, notCalled: 0, last: undefined }];
  for (let [part, ...later] = parts; part !== undefined; [part, ...later] = parts) {
    signal.throwIfAborted();
    parts = [...(await deliverPart(run, shard, { part, signal })), ...later];
  }
}

export interface Batch {
  readonly batch: readonly BatchRecord[];
  /** Aborts between two invocations: one under way ends first. */
  readonly signal: AbortSignal;
}

interface Try {
  readonly part: Part;
  readonly signal: AbortSignal;
}

/** Calls the function once with a part. Resolves to the parts that are left to deliver. */
async function deliverPart(run: Run, shard: Shard, { part, signal }: Try): Promise<readonly Part[]> {
  const fresh = await withoutExpired(run, shard, { part, signal });
  if (fresh.records.length === 0) return [];
  const invocation = await invoke(run, shard, fresh);
  if (run.isRebalanced(signal)) throw signal.reason;
  const { verdict } = invocation;
  if (verdict.verdict === 'succeeded') {
    checkpoint(run, shard, fresh.records);
    return [];
  }
  if (verdict.verdict === 'not-called') {
    const again = { ...fresh, notCalled: fresh.notCalled + 1 };
    await pause(run, shard, { part: again, signal });
    return [again];
  }
  const pieces = split(run, shard, { part: fresh, verdict });
  if (pieces !== undefined) return pieces;
  const failed = { ...fresh, failures: fresh.failures + 1, notCalled: 0, last: invocation };
  const { MaximumRetryAttempts: retries } = run.configuration;
  if (retries !== -1 && failed.failures > retries) {
    await discard(run, shard, { part: failed, records: failed.records, condition: 'RetryAttemptsExhausted', signal });
    checkpoint(run, shard, failed.records);
    return [];
  }
  await pause(run, shard, { part: failed, signal });
  return [failed];
}

/**
 * Splits a part that failed: at the reported record, or in two halves with BisectBatchOnFunctionError. Neither uses a
 * retry. Undefined when the part fails as a whole.
 */
function split(
  run: Run,
  shard: Shard,
  { part, verdict }: { part: Part; verdict: Verdict },
): readonly Part[] | undefined {
  const { records } = part;
  if (verdict.verdict === 'reported-failures') {
    if (verdict.firstFailed === 0) return undefined;
    const done = records.slice(0, verdict.firstFailed);
    const left = records.slice(verdict.firstFailed);
    run.trace({
      did: 'split',
      ...rangeOf(shard, records),
      secondFrom: left[0]?.sequenceNumber ?? '',
      because: 'reported',
    });
    checkpoint(run, shard, done);
    return [untried(left)];
  }
  if (!run.configuration.BisectBatchOnFunctionError || records.length === 1) return undefined;
  const half = Math.ceil(records.length / 2);
  const second = records.slice(half);
  run.trace({
    did: 'split',
    ...rangeOf(shard, records),
    secondFrom: second[0]?.sequenceNumber ?? '',
    because: 'bisected',
  });
  return [untried(records.slice(0, half)), untried(second)];
}

function untried(records: readonly BatchRecord[]): Part {
  return { records, failures: 0, notCalled: 0, last: undefined };
}

/** Discards the records that have become too old. The rest of the part goes on: the age is that of each record. */
async function withoutExpired(run: Run, shard: Shard, { part, signal }: Try): Promise<Part> {
  const { MaximumRecordAgeInSeconds: age } = run.configuration;
  if (age === -1) return part;
  const oldestMillis = run.clock.now() - age * 1_000;
  const firstFresh = part.records.findIndex(({ arrivalMillis }) => arrivalMillis >= oldestMillis);
  const expired = firstFresh === -1 ? part.records : part.records.slice(0, firstFresh);
  if (expired.length === 0) return part;
  await discard(run, shard, { part, records: expired, condition: 'RecordAgeExceeded', signal });
  checkpoint(run, shard, expired);
  return { ...part, records: part.records.slice(expired.length) };
}

interface Discard {
  readonly part: Part;
  readonly records: readonly BatchRecord[];
  readonly condition: 'RetryAttemptsExhausted' | 'RecordAgeExceeded';
  readonly signal: AbortSignal;
}

async function discard(run: Run, shard: Shard, { part, records, condition, signal }: Discard): Promise<void> {
  const destination = run.configuration.DestinationConfig.OnFailure.Destination ?? null;
  const invocation = part.last ?? { requestId: randomUuid(run.random), statusCode: 200, functionError: null };
  const invokeCount = Math.max(1, part.failures);
  await run.sendDiscarded({ shard, records, condition, invocation, invokeCount }, signal);
  run.trace({ did: 'discard', ...rangeOf(shard, records), condition, destination });
}

function checkpoint(run: Run, shard: Shard, records: readonly BatchRecord[]): void {
  const sequenceNumber = records.at(-1)?.sequenceNumber;
  if (sequenceNumber === undefined) return;
  shard.checkpoint = sequenceNumber;
  run.trace({ did: 'checkpoint', shardId: shard.shardId, sequenceNumber });
}

async function pause(run: Run, shard: Shard, { part, signal }: Try): Promise<void> {
  const wait = backOff(run.pace, Math.max(part.failures, part.notCalled), run.random);
  const afterMillis = Math.min(wait, Math.max(1, freshMillis(run, part)));
  run.trace({ did: 'retry', ...rangeOf(shard, part.records), attempt: part.failures + 1, afterMillis });
  await run.clock.sleep(afterMillis, signal);
}

/** Computes how long the newest record of a part is still young enough: then the part has its last retry. */
function freshMillis({ clock, configuration }: Run, { records }: Part): number {
  const { MaximumRecordAgeInSeconds: age } = configuration;
  if (age === -1) return Number.POSITIVE_INFINITY;
  const newestMillis = records.reduce((newest, { arrivalMillis }) => Math.max(newest, arrivalMillis), 0);
  return newestMillis + age * 1_000 - clock.now();
}

interface Outcome extends Invocation {
  readonly verdict: Verdict | { readonly verdict: 'not-called'; readonly because: 'throttled' | 'service-error' };
}

async function invoke(run: Run, shard: Shard, { records, failures }: Part): Promise<Outcome> {
  const requestId = randomUuid(run.random);
  const attempt = failures + 1;
  const outcome = await outcomeOf(run, { records, requestId, attempt });
  const { verdict } = outcome;
  run.processed(verdict.verdict === 'succeeded' ? 'OK' : 'PROBLEM: Function call failed');
  run.trace({
    did: 'invocation',
    ...rangeOf(shard, records),
    attempt,
    requestId,
    outcome: verdict.verdict === 'not-called' ? verdict.because : verdict.verdict,
    ...('why' in verdict ? { why: verdict.why } : {}),
  });
  return outcome;
}

interface Call {
  readonly records: readonly BatchRecord[];
  readonly requestId: string;
  readonly attempt: number;
}

async function outcomeOf(run: Run, { records, requestId, attempt }: Call): Promise<Outcome> {
  const bytes = payloadBytes(records);
  if (bytes > maxPayloadBytes) {
    const why = `the payload of ${bytes} bytes is above the ${maxPayloadBytes} of an invocation: write smaller records`;
    return { requestId, statusCode: 413, functionError: null, verdict: { verdict: 'failed', why } };
  }
  const result = await invokeSafely(run.invoke, {
    functionArn: run.configuration.FunctionArn,
    requestId,
    payload: invocationPayload(records),
    attempt,
  });
  if (result.outcome === 'error') {
    const verdict = { verdict: 'failed', why: `${result.errorType}: ${result.message}` } as const;
    return { requestId, statusCode: 200, functionError: result.functionError, verdict };
  }
  const verdict =
    result.outcome === 'returned'
      ? verdictOf(run, { payload: result.payload, records })
      : ({ verdict: 'not-called', because: result.outcome } as const);
  return { requestId, statusCode: 200, functionError: null, verdict };
}

function verdictOf(run: Run, { payload, records }: { payload: string; records: readonly BatchRecord[] }): Verdict {
  const isReporting = run.configuration.FunctionResponseTypes.includes('ReportBatchItemFailures');
  return isReporting ? readResponse(payload, records) : { verdict: 'succeeded' };
}
