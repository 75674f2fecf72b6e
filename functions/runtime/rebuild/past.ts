import type { S3Client } from '@aws-sdk/client-s3';
import type { Archive } from '../archive/archived-files.ts';
import { archivedShard, archivedUpTo, readArchive } from '../archive/read-archive.ts';
import { shardKey } from '../checkpoints/shard-states.ts';
import { LostRange, type ReadPage, readShard } from '../log/log-reader.ts';
import { recordAt } from '../log/record-at.ts';
import type { Kinesis, Shard, StreamShape } from '../log/shards.ts';
import { endOfRecord, type Position, positionOf } from '../position.ts';
import type { Target } from './targets.ts';

/** All that a step's stream has had: its log and, where a sink keeps one, its archive. */
export interface Past {
  /**
   * Finds those of some shards, by their keys, that the stream lists no more. Those that the archive does not have
   * either are left out.
   */
  forgotten(keys: Iterable<string>, shape: StreamShape, signal: AbortSignal): Promise<readonly Shard[]>;
  /**
   * Reads a shard from a position (undefined: from where the step began) up to the target. Reads the log where it still
   * has what comes next. Otherwise reads the archive up to its end, and then the log from that record on. Throws
   * `LostRange` where neither has what comes next.
   */
  read(target: Target, after: Position | undefined, signal: AbortSignal): AsyncGenerator<ReadPage>;
  /** Finds out, without reading all of it, who has a shard from where the step began up to the target. */
  reachOf(target: Target, signal: AbortSignal): Promise<'log' | 'archive' | 'neither'>;
}

/** A stream, by name or ARN, and its archive if it has one. */
export interface PastOf {
  readonly kinesis: Kinesis;
  readonly s3: Pick<S3Client, 'send'>;
  readonly stream: string;
  readonly archived: Omit<Archive, 's3'> | undefined;
}

export function openPast({ kinesis, s3, stream, archived }: PastOf): Past {
  const archive: Archive | undefined = archived && { s3, ...archived };
  const known = new Map<string, Shard>();

  async function find(incarnation: string, key: string, signal: AbortSignal): Promise<Shard | undefined> {
    const found = known.get(key);
    if (found !== undefined || archive === undefined || !key.startsWith(`${incarnation}/`)) return found;
    const shard = await archivedShard({ archive, shard: key, signal });
    if (shard === undefined) return undefined;
    known.set(key, { ...shard, open: false, isForgotten: true });
    return known.get(key);
  }

  async function logHas({ shard }: Target, position: Position, signal: AbortSignal): Promise<boolean> {
    if (shard.isForgotten) return false;
    return (await recordAt({ kinesis, stream, shardId: shard.id, signal }, position)) !== undefined;
  }

  return {
    async forgotten(keys, shape, signal) {
      if (archive === undefined) return [];
      const listed = new Set(shape.shards.map(({ id }) => shardKey(shape, id)));
      const shards: Shard[] = [];
      for (const key of keys) {
        if (listed.has(key)) continue;
        const shard = await find(shape.incarnation, key, signal);
        if (shard !== undefined) shards.push(shard);
      }
      return shards;
    },
    async *read(target, after, signal) {
      const { key, shard, upTo: to } = target;
      const log = { kinesis, stream, shardId: shard.id, signal, to };
      const first = after ?? beginningOf(target);
      if (archive === undefined || first === undefined || (await logHas(target, first, signal)))
        return yield* readShard({ ...log, after });
      let seam = after;
      for await (const records of readArchive({ archive, shard: key, after: first, signal })) {
        const last = records.at(-1);
        if (last !== undefined) seam = endOfRecord(last.sequenceNumber);
        yield { records, millisBehindLatest: 0 };
        if (seam !== undefined && seam >= to) break;
      }
      if (shard.isForgotten && (seam === undefined || seam < to))
        throw new LostRange({ stream, shardId: shard.id }, seam ?? first, undefined);
      // The log has to have the last record of the archive: then nothing between the two is missing.
      yield* readShard({ ...log, after: seam });
    },
    async reachOf(target, signal) {
      const { key, upTo } = target;
      const first = beginningOf(target);
      if (first === undefined || (await logHas(target, first, signal))) return 'log';
      const end = archive && (await archivedUpTo({ archive, shard: key, after: first, signal }));
      if (end === undefined) return 'neither';
      return end >= upTo || (await logHas(target, end, signal)) ? 'archive' : 'neither';
    },
  };
}

/** Returns the position before the first record that counts, where that is known by its sequence number. */
function beginningOf({ from }: Target): Position | undefined {
  return from !== undefined && 'sequenceNumber' in from ? positionOf(from.sequenceNumber, 0) : undefined;
}
