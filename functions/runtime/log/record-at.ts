import { type Position, sequenceNumberOf } from '../position.ts';
import type { LogRecord } from '../record-codec/record.ts';
import { sleepFor } from './back-off.ts';
import {
  digitsAskedFor,
  earliestRecord,
  isUnknownSequenceNumber,
  iteratorAt,
  pagesOf,
  type ShardToRead,
} from './shard-iterator.ts';

/** Reads the record that a position is in or just after. Undefined when that record is trimmed away. */
export async function recordAt(
  of: Pick<ShardToRead, 'kinesis' | 'stream' | 'shardId' | 'signal'>,
  position: Position,
): Promise<LogRecord | undefined> {
  const shard: ShardToRead = { ...of, sleep: sleepFor, random: Math.random };
  const getPage = pagesOf(shard);
  const asked = sequenceNumberOf(position);
  const found = await firstAt(shard, getPage, { atSequenceNumber: asked });
  if (found !== undefined && BigInt(found.sequenceNumber) === BigInt(asked)) return found;
  const digits = digitsAskedFor(await earliestRecord(shard, getPage));
  if (digits <= asked.length) return undefined;
  const padded = await firstAt(shard, getPage, { atSequenceNumber: asked.padStart(digits, '0') });
  return padded !== undefined && BigInt(padded.sequenceNumber) === BigInt(asked) ? padded : undefined;
}

/** Reads the first record after the one that a position is in or just after. Undefined: there is none now. */
export async function recordAfter(
  of: Pick<ShardToRead, 'kinesis' | 'stream' | 'shardId' | 'signal'>,
  position: Position,
): Promise<LogRecord | undefined> {
  const shard: ShardToRead = { ...of, sleep: sleepFor, random: Math.random };
  const asked = sequenceNumberOf(position);
  return firstAt(shard, pagesOf(shard), { atSequenceNumber: asked, after: BigInt(asked) });
}

/** In a shard with few records, pages may be empty although records follow. */
const MOST_PAGES = 20;

async function firstAt(
  shard: ShardToRead,
  getPage: ReturnType<typeof pagesOf>,
  { atSequenceNumber, after = -1n }: { readonly atSequenceNumber: string; readonly after?: bigint },
): Promise<LogRecord | undefined> {
  try {
    let iterator: string | undefined = await iteratorAt(shard, { atSequenceNumber });
    for (let pages = 0; iterator !== undefined && pages < MOST_PAGES; pages++) {
      const page = await getPage(iterator, after < 0n ? 1 : 2);
      const found = page.records.find(({ sequenceNumber }) => BigInt(sequenceNumber) > after);
      if (found !== undefined || page.millisBehindLatest === 0) return found;
      iterator = page.next;
    }
    return undefined;
  } catch (error) {
    if (!isUnknownSequenceNumber(error)) throw error;
    return undefined;
  }
}
