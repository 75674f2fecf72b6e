import { PutRecordsCommand, type PutRecordsResultEntry } from '@aws-sdk/client-kinesis';
import { isThrottle, troubleOf } from './back-off.ts';
import type { Kinesis } from './shards.ts';

/** What PutRecords takes at most, keys included (Kinesis' API reference). */
export const REQUEST_RECORDS = 500;
export const REQUEST_BYTES = 10 * 1024 * 1024;

/**
 * Every record has an explicit hash key; the partition key, which there must be, says nothing. KPL writes the same one.
 */
const PARTITION_KEY = 'a';
export const RECORD_OVERHEAD_BYTES = PARTITION_KEY.length;

export interface RecordToPut {
  readonly data: Uint8Array;
  readonly hash: bigint;
}

/** What became of one record. A failed one may be in the log nevertheless: the reply may be what was lost. */
export type PutOutcome =
  | { readonly shardId: string }
  | { readonly shardId: undefined; readonly failure: unknown; readonly throttled: boolean };

export function billedBytes({ data }: RecordToPut): number {
  return data.length + RECORD_OVERHEAD_BYTES;
}

/**
 * One request. Throws when it was aborted, and what somebody has to mend; anything else is an outcome of its records.
 */
export async function putRecords(
  to: { readonly kinesis: Kinesis; readonly arn: string; readonly signal: AbortSignal },
  records: readonly RecordToPut[],
): Promise<readonly PutOutcome[]> {
  const command = new PutRecordsCommand({
    StreamARN: to.arn,
    Records: records.map(({ data, hash }) => ({
      Data: data,
      PartitionKey: PARTITION_KEY,
      ExplicitHashKey: hash.toString(),
    })),
  });
  try {
    const { Records: entries = [] } = await to.kinesis.send(command, { abortSignal: to.signal });
    return records.map((_, index) => outcomeOf(entries[index], to.arn));
  } catch (failure) {
    const trouble = troubleOf(failure);
    if (to.signal.aborted || trouble === 'lasting') throw failure;
    const outcome = { shardId: undefined, failure, throttled: trouble === 'throttled' };
    return records.map(() => outcome);
  }
}

function outcomeOf(entry: PutRecordsResultEntry | undefined, arn: string): PutOutcome {
  if (entry?.ShardId !== undefined) return { shardId: entry.ShardId };
  const code = entry?.ErrorCode;
  const failure = new Error(`${arn} did not take a record: ${code ?? 'no answer'}: ${entry?.ErrorMessage ?? ''}`);
  return { shardId: undefined, failure, throttled: isThrottle(code) };
}
