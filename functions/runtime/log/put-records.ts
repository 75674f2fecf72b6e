import { PutRecordsCommand, type PutRecordsResultEntry } from '@aws-sdk/client-kinesis';
import { failureKindOf, isThrottle } from './back-off.ts';
import type { Kinesis } from './shards.ts';

/** The limits of PutRecords, keys included (Kinesis API reference). */
export const REQUEST_RECORDS = 500;
export const REQUEST_BYTES = 10 * 1024 * 1024;

/** Every record has an explicit hash key. The partition key is required and means nothing. KPL writes the same one. */
const PARTITION_KEY = 'a';
export const RECORD_OVERHEAD_BYTES = PARTITION_KEY.length;

export interface RecordToPut {
  readonly data: Uint8Array;
  readonly hash: bigint;
}

/** The outcome of one record. A failed record may be in the log all the same, because its reply may have been lost. */
export type PutOutcome =
  | { readonly shardId: string }
  | { readonly shardId: undefined; readonly failure: unknown; readonly throttled: boolean };

export function billedBytes({ data }: RecordToPut): number {
  return data.length + RECORD_OVERHEAD_BYTES;
}

/**
 * Sends one request. Throws when it is aborted, or fails with an error that a retry cannot help. All other failures are
 * outcomes of the records.
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
    const kind = failureKindOf(failure);
    if (to.signal.aborted || kind === 'lasting') throw failure;
    const outcome = { shardId: undefined, failure, throttled: kind === 'throttled' };
    return records.map(() => outcome);
  }
}

function outcomeOf(entry: PutRecordsResultEntry | undefined, arn: string): PutOutcome {
  if (entry?.ShardId !== undefined) return { shardId: entry.ShardId };
  const code = entry?.ErrorCode;
  const failure = new Error(`${arn} did not take a record: ${code ?? 'no answer'}: ${entry?.ErrorMessage ?? ''}`);
  return { shardId: undefined, failure, throttled: isThrottle(code) };
}
