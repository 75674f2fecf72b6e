import { invalidArgument, LogError } from './log-error.ts';
import type { Shard } from './shard.ts';
import { isExpired, type Stream, settle, shardOf } from './stream.ts';

/** The state that all operations share. */
export interface LogState {
  readonly nowMillis: () => number;
  readonly seed: string;
  readonly enforceLimits: boolean;
  readonly accountId: string;
  readonly region: string;
  /** How long a stream is CREATING, UPDATING or DELETING. */
  readonly transitionMillis: number;
  readonly streams: Map<string, Stream>;
}

/** The two ways in which an input names its stream. */
export interface StreamReference {
  readonly StreamName?: string | undefined;
  readonly StreamARN?: string | undefined;
}

export function arnOf(state: LogState, streamName: string): string {
  return `arn:aws:kinesis:${state.region}:${state.accountId}:stream/${streamName}`;
}

/** Finds the stream as it is now. Throws a ResourceNotFoundException when there is none. */
export function findStream(state: LogState, reference: StreamReference): Stream {
  const streamName = nameOf(state, reference);
  const stream = lookUp(state, streamName);
  if (stream === undefined) throw streamNotFound(state, streamName);
  return stream;
}

/** Finds a stream by its name. Undefined when it does not exist, or its deletion is over. */
export function lookUp(state: LogState, streamName: string): Stream | undefined {
  const stream = state.streams.get(streamName);
  if (stream !== undefined) settle(stream, state.nowMillis());
  return state.streams.get(streamName);
}

/** Finds a stream that accepts and gives records: not one in state CREATING or DELETING. */
export function findLiveStream(state: LogState, reference: StreamReference): Stream {
  const stream = findStream(state, reference);
  if (stream.status === 'ACTIVE' || stream.status === 'UPDATING') return stream;
  throw streamNotFound(state, stream.name);
}

export function findShard(state: LogState, stream: Stream, shardId: string): Shard {
  const shard = shardOf(stream, shardId);
  if (shard !== undefined && !isExpired(stream, shard, state.nowMillis())) return shard;
  throw new LogError(
    'ResourceNotFoundException',
    `Shard ${shardId} in stream ${stream.name} under account ${state.accountId} does not exist`,
  );
}

export function streamNotFound(state: LogState, streamName: string): LogError {
  return new LogError('ResourceNotFoundException', `Stream ${streamName} under account ${state.accountId} not found.`);
}

export function rateExceeded(state: LogState, stream: Stream, shard: Shard): LogError {
  return new LogError('ProvisionedThroughputExceededException', rateExceededMessage(state, stream, shard));
}

export function rateExceededMessage(state: LogState, stream: Stream, shard: Shard): string {
  return `Rate exceeded for shard ${shard.shardId} in stream ${stream.name} under account ${state.accountId}.`;
}

function nameOf(state: LogState, { StreamName, StreamARN }: StreamReference): string {
  if (StreamARN === undefined || StreamARN === null) {
    if (StreamName !== undefined && StreamName !== null) return StreamName;
    throw invalidArgument('Either StreamARN or StreamName must be given.');
  }
  const arnName = StreamARN.slice(StreamARN.indexOf('/') + 1);
  if (StreamName && StreamName !== arnName) {
    throw invalidArgument(`StreamName ${StreamName} is not the name in StreamARN ${StreamARN}.`);
  }
  if (StreamARN !== arnOf(state, arnName)) {
    throw new LogError('ResourceNotFoundException', `Stream ${StreamARN} not found.`);
  }
  return arnName;
}
