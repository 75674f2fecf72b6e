import type { BatchRecord } from './records.ts';

/** The meaning of a function's answer for its batch. */
export type Verdict =
  | { readonly verdict: 'succeeded' }
  /** Records before the index `firstFailed` are processed. All from there on are delivered again. */
  | { readonly verdict: 'reported-failures'; readonly firstFailed: number; readonly why: string }
  | { readonly verdict: 'failed'; readonly why: string };

/** Reads the answer of a function whose mapping has ReportBatchItemFailures. Without it, any answer is a success. */
export function readResponse(payload: string, records: readonly BatchRecord[]): Verdict {
  const answer = parseJson(payload);
  if (isNothing(answer)) return { verdict: 'succeeded' };
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) {
    return failed(`the answer is ${shown(answer)}; return { batchItemFailures: […] }, or nothing`);
  }
  const { batchItemFailures: failures = null } = answer as { batchItemFailures?: unknown };
  if (failures === null) return { verdict: 'succeeded' };
  if (!Array.isArray(failures)) return failed(`batchItemFailures is ${shown(failures)}, not a list`);
  if (failures.length === 0) return { verdict: 'succeeded' };
  return lowestOf(failures, records);
}

function lowestOf(failures: readonly unknown[], records: readonly BatchRecord[]): Verdict {
  const indexes = new Map(records.map(({ sequenceNumber }, index) => [sequenceNumber, index]));
  let firstFailed = records.length;
  for (const failure of failures) {
    const identifier = identifierOf(failure);
    if (typeof identifier !== 'string') {
      return failed(`batchItemFailures has ${shown(failure)}: an itemIdentifier must be a string`);
    }
    const index = indexes.get(identifier);
    if (index === undefined) {
      return failed(`itemIdentifier ${shown(identifier)} is not a sequence number of the batch`);
    }
    firstFailed = Math.min(firstFailed, index);
  }
  const why = `the function reported ${failures.length} failed, the first ${records[firstFailed]?.sequenceNumber}`;
  return { verdict: 'reported-failures', firstFailed, why };
}

function identifierOf(failure: unknown): unknown {
  return typeof failure === 'object' && failure !== null
    ? (failure as { itemIdentifier?: unknown }).itemIdentifier
    : undefined;
}

/** True for no answer, null, `{}`, `[]` and `""`: Lambda counts these as a success. */
function isNothing(answer: unknown): boolean {
  if (answer === undefined || answer === null || answer === '') return true;
  return typeof answer === 'object' && Object.keys(answer).length === 0;
}

function failed(why: string): Verdict {
  return { verdict: 'failed', why };
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'undefined';
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** Parses an answer, which Lambda's runtimes write as JSON. Any other payload stays a text. */
function parseJson(payload: string): unknown {
  if (payload === '') return undefined;
  try {
    return JSON.parse(payload);
  } catch {
    return payload;
  }
}
