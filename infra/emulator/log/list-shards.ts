import type { ListShardsInput, ListShardsOutput } from '@aws-sdk/client-kinesis';
import { shardDescription } from './descriptions.ts';
import { invalidArgument, LogError } from './log-error.ts';
import { findStream, type LogState } from './log-state.ts';
import { openToken, sealToken } from './opaque-token.ts';
import type { Shard } from './shard.ts';
import { horizonMillis, isExpired, type Stream } from './stream.ts';

export function listShardsOperation(state: LogState) {
  return {
    /**
     * *Behaviour.* Lists a stream's shards by their ids, at most 1,000 a page. Closed shards whose records have all
     * expired are left out. Without a filter, or with FROM_TRIM_HORIZON, all others are listed. AFTER_SHARD_ID takes
     * any id, also one that does not exist. A token lives five minutes and must be the only parameter beside
     * MaxResults. The stream must be ACTIVE or UPDATING. (API reference of ListShards and ShardFilter)
     *
     * *Differences from AWS.* Calls are never throttled; Kinesis answers 1,000 a second and stream.
     */
    ListShards(input: ListShardsInput): ListShardsOutput {
      const listing = input.NextToken ? listingOfToken(state, input) : newListing(input);
      const stream = findStream(state, { StreamName: listing.streamName, StreamARN: listing.streamArn });
      requireListable(state, stream, listing);
      const nowMillis = state.nowMillis();
      const isWanted = shardFilter(stream, listing, nowMillis);
      const shards = stream.shards.filter(
        (shard) => shard.shardId > listing.after && !isExpired(stream, shard, nowMillis) && isWanted(shard),
      );
      const page = shards.slice(0, Math.min(input.MaxResults ?? mostResults, mostResults));
      const last = page.at(-1);
      return {
        Shards: page.map(shardDescription),
        ...(last !== undefined &&
          page.length < shards.length && { NextToken: tokenOf(stream, listing, { last, nowMillis }) }),
      };
    },
  };
}

const mostResults = 1_000;
const tokenLifetimeMillis = 300_000;

/** A listing that goes on from page to page. */
interface Listing {
  readonly streamName?: string | undefined;
  readonly streamArn?: string | undefined;
  readonly createdMillis?: number;
  readonly after: string;
  readonly filter: string;
  readonly atMillis: number;
}

function newListing(input: ListShardsInput): Listing {
  const { ShardFilter: filter, ExclusiveStartShardId: after, StreamCreationTimestamp: created } = input;
  const type = filter?.Type ?? 'FROM_TRIM_HORIZON';
  requireMember('ShardId', { type, isGiven: !!filter?.ShardId, isNeeded: type === 'AFTER_SHARD_ID' });
  const isByTime = type === 'AT_TIMESTAMP' || type === 'FROM_TIMESTAMP';
  requireMember('Timestamp', { type, isGiven: !!filter?.Timestamp, isNeeded: isByTime });
  if (after && filter?.ShardId)
    throw invalidArgument('ExclusiveStartShardId and ShardFilter.ShardId cannot be given together.');
  return {
    streamName: input.StreamName,
    streamArn: input.StreamARN,
    ...(created && { createdMillis: created.getTime() }),
    after: after ?? filter?.ShardId ?? '',
    filter: type,
    atMillis: filter?.Timestamp?.getTime() ?? 0,
  };
}

function requireMember(member: string, rule: { type: string; isGiven: boolean; isNeeded: boolean }): void {
  const { type, isGiven, isNeeded } = rule;
  if (isGiven === isNeeded) return;
  throw invalidArgument(
    `ShardFilter.${member} ${isNeeded ? 'must' : 'cannot'} be given with ShardFilter.Type ${type}.`,
  );
}

function listingOfToken(state: LogState, input: ListShardsInput): Listing {
  const { StreamName, StreamARN, ExclusiveStartShardId, StreamCreationTimestamp, ShardFilter } = input;
  const others = { StreamName, StreamARN, ExclusiveStartShardId, StreamCreationTimestamp, ShardFilter };
  const other = Object.entries(others).find(([, value]) => value !== undefined && value !== null);
  if (other !== undefined) throw invalidArgument(`NextToken and ${other[0]} cannot be provided together.`);
  const [kind, issuedMillis, streamName, createdMillis, after, filter, atMillis] =
    openToken(input.NextToken ?? '') ?? [];
  if (kind !== 'shards') throw invalidArgument('Invalid NextToken.');
  if (state.nowMillis() - Number(issuedMillis) > tokenLifetimeMillis) {
    throw new LogError(
      'ExpiredNextTokenException',
      `NextToken expired: it can be used for ${tokenLifetimeMillis} milliseconds.`,
    );
  }
  return {
    streamName: String(streamName),
    createdMillis: Number(createdMillis),
    after: String(after),
    filter: String(filter),
    atMillis: Number(atMillis),
  };
}

function tokenOf(stream: Stream, listing: Listing, page: { last: Shard; nowMillis: number }): string {
  const { filter, atMillis } = listing;
  return sealToken(['shards', page.nowMillis, stream.name, stream.createdMillis, page.last.shardId, filter, atMillis]);
}

function requireListable(state: LogState, stream: Stream, { createdMillis }: Listing): void {
  const inSeconds = (millis: number) => Math.floor(millis / 1_000);
  if (createdMillis !== undefined && inSeconds(createdMillis) !== inSeconds(stream.createdMillis)) {
    throw new LogError(
      'ResourceNotFoundException',
      `Stream ${stream.name} under account ${state.accountId} created at ${new Date(createdMillis).toISOString()} not found.`,
    );
  }
  if (stream.status === 'ACTIVE' || stream.status === 'UPDATING') return;
  throw new LogError(
    'ResourceInUseException',
    `Stream ${stream.name} under account ${state.accountId} not ACTIVE, instead in state ${stream.status}`,
  );
}

function shardFilter(stream: Stream, { filter, atMillis }: Listing, nowMillis: number): (shard: Shard) => boolean {
  const horizon = Math.max(horizonMillis(stream, nowMillis), stream.createdMillis);
  const isOpenAt = (millis: number) => (shard: Shard) =>
    shard.createdMillis <= millis && (shard.closed === undefined || shard.closed.atMillis >= millis);
  switch (filter) {
    case 'AT_LATEST':
      return (shard) => shard.closed === undefined;
    case 'AT_TRIM_HORIZON':
      return isOpenAt(horizon);
    case 'AT_TIMESTAMP':
      return isOpenAt(Math.max(atMillis, horizon));
    case 'FROM_TIMESTAMP':
      return (shard) => shard.closed === undefined || shard.closed.atMillis >= Math.max(atMillis, horizon);
    default:
      return () => true;
  }
}
