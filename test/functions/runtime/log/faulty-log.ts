import { PutRecordsCommand, type PutRecordsInput, type PutRecordsOutput } from '@aws-sdk/client-kinesis';
import { type LogClient, logClient } from '../../../../infra/emulator/log/client.ts';
import type { Log } from '../../../../infra/emulator/log/log.ts';
import { STREAM } from './log-kit.ts';

/** What happens to one PutRecords call. */
export type Fault =
  | { readonly kind: 'none' }
  /** The call never arrives, or its reply never does. Both look the same to the caller. */
  | { readonly kind: 'request lost' }
  | { readonly kind: 'reply lost' }
  /** The caller sees a lost request. The request arrives that many calls later, or after the caller has ended. */
  | { readonly kind: 'late'; readonly calls: number }
  /** The log refuses these records, by index. The others are in the log. */
  | { readonly kind: 'partial'; readonly refused: readonly number[]; readonly code: string }
  | { readonly kind: 'throttled' }
  /** The caller's signal aborts, before the call arrives or after. */
  | { readonly kind: 'aborted'; readonly arrives: boolean };

export interface Moment {
  readonly fault: Fault;
  /** A reshard directly before the call. */
  readonly reshard?: { readonly kind: 'split' | 'merge'; readonly which: number };
  /** The number of following ListShards calls that do not show the reshard yet. */
  readonly staleLists?: number;
  /** The number of turns of the event loop before the call arrives. Other callers overtake it meanwhile. */
  readonly delay?: number;
}

export interface FaultyLog {
  /** Makes a client whose caller stops it with `abort`. */
  clientFor(abort: () => void): LogClient;
  /** Counts the calls of the client that have not settled. */
  pending(): number;
  /** Lets all calls arrive that are still on their way. */
  settle(): void;
}

/** Makes a log whose n-th PutRecords call meets the n-th moment. After the last moment, every call succeeds. */
export function faultyLog(log: Log, moments: readonly Moment[]): FaultyLog {
  const client = logClient(log);
  const onTheWay: { calls: number; input: PutRecordsInput }[] = [];
  let next = 0;
  let pending = 0;
  let stale: { lists: number; answer: Promise<unknown> } | undefined;

  function arrive(due: (calls: number) => boolean): void {
    for (const late of onTheWay.splice(0)) {
      if (due(late.calls)) log.putRecords(late.input);
      else onTheWay.push({ ...late, calls: late.calls - 1 });
    }
  }

  async function put(input: PutRecordsInput, abort: () => void): Promise<PutRecordsOutput> {
    const moment: Moment = moments[next++] ?? { fault: { kind: 'none' } };
    const { fault, reshard, staleLists = 0, delay = 0 } = moment;
    for (let turn = 0; turn < delay; turn++) await new Promise((resolve) => setImmediate(resolve));
    if (reshard) {
      if (staleLists > 0 && !stale) stale = { lists: staleLists, answer: listNow() };
      applyReshard(log, reshard);
    }
    arrive((calls) => calls <= 0);
    switch (fault.kind) {
      case 'request lost':
        throw socketError();
      case 'reply lost':
        log.putRecords(input);
        throw socketError();
      case 'late':
        onTheWay.push({ calls: fault.calls, input: ownRecords(input) });
        throw socketError();
      case 'throttled':
        throw Object.assign(new Error('Rate exceeded'), { name: 'LimitExceededException', $fault: 'client' });
      case 'aborted':
        if (fault.arrives) log.putRecords(input);
        abort();
        throw Object.assign(new Error('Request aborted'), { name: 'AbortError' });
      case 'partial':
        return partial(input, fault);
      case 'none':
        return log.putRecords(input);
    }
  }

  function partial(input: PutRecordsInput, fault: Fault & { kind: 'partial' }): PutRecordsOutput {
    const refused = (index: number) => fault.refused.includes(index);
    const taken = (input.Records ?? []).filter((_, index) => !refused(index));
    const answers = taken.length > 0 ? [...(log.putRecords({ ...input, Records: taken }).Records ?? [])] : [];
    const Records = (input.Records ?? []).map((_, index) =>
      refused(index) ? { ErrorCode: fault.code, ErrorMessage: 'refused by the test' } : (answers.shift() ?? {}),
    );
    return { FailedRecordCount: Records.length - taken.length, Records };
  }

  async function listNow(): Promise<unknown> {
    return log.listShards({ StreamName: STREAM });
  }

  return {
    clientFor(abort) {
      const send = async (command: { readonly input: object }, options?: object): Promise<unknown> => {
        pending++;
        try {
          if (command instanceof PutRecordsCommand) return await put(command.input, abort);
          if (command.constructor.name === 'ListShardsCommand' && stale && stale.lists-- > 0) return await stale.answer;
          if (command.constructor.name === 'ListShardsCommand') stale = undefined;
          return await client.send(command as never, options as never);
        } finally {
          pending--;
        }
      };
      return { send: send as LogClient['send'] };
    },
    pending: () => pending,
    settle: () => arrive(() => true),
  };
}

/** Splits or merges a shard. Does nothing where that is not possible. */
export function applyReshard(log: Log, { kind, which }: { kind: 'split' | 'merge'; which: number }): void {
  const open = (log.listShards({ StreamName: STREAM }).Shards ?? [])
    .filter(({ SequenceNumberRange: range }) => range?.EndingSequenceNumber === undefined)
    .map(({ ShardId = '', HashKeyRange: range }) => ({
      id: ShardId,
      from: BigInt(range?.StartingHashKey ?? 0),
      to: BigInt(range?.EndingHashKey ?? 0),
    }))
    .sort((a, b) => (a.from < b.from ? -1 : 1));
  const shard = open[which % open.length];
  if (!shard) return;
  if (kind === 'split') {
    const middle = (shard.from + shard.to) / 2n;
    log.splitShard({ StreamName: STREAM, ShardToSplit: shard.id, NewStartingHashKey: String(middle) });
    return;
  }
  const adjacent = open[(which % open.length) + 1];
  if (!adjacent) return;
  log.mergeShards({ StreamName: STREAM, ShardToMerge: shard.id, AdjacentShardToMerge: adjacent.id });
}

function socketError(): Error {
  return Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
}

function ownRecords(input: PutRecordsInput): PutRecordsInput {
  return { ...input, Records: (input.Records ?? []).map((record) => ({ ...record })) };
}
