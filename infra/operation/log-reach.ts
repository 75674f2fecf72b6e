import { DescribeStreamSummaryCommand } from '@aws-sdk/client-kinesis';
import pg from 'pg';
import { shardKey } from '../../functions/runtime/checkpoints/shard-states.ts';
import { describeStream } from '../../functions/runtime/log/shards.ts';
import { type Position, sequenceNumberOf } from '../../functions/runtime/position.ts';
import { openPast } from '../../functions/runtime/rebuild/past.ts';
import type { TablePlan } from '../pipelines/plan.ts';
import type { Start } from '../pipelines/steps.ts';
import type { Target } from './target.ts';

/** How far back the log of a table's stream reaches, and the table. */
export interface LogReach {
  /** The log has every event since then: ISO 8601, in UTC. */
  readonly from: string;
  /** The earliest that an event of the table may be. */
  readonly tableFrom: string;
  /** True when the log, or its archive and the log together, have every event that the table is made of. */
  readonly isWhole: boolean;
  /** Where the archive of the stream is in the lake. Missing: the stream has none. */
  readonly archive?: string;
  /** Set where the archive has what the log has lost. */
  readonly isArchived?: true;
}

const HOUR = 3_600_000;

/**
 * Finds out whether a table could be made again from the log. The step has noted with which record of each shard it
 * began: the log has to have these. Where an earlier version did not note that, times tell: a stream keeps what is
 * younger than its retention and, while it is younger itself, everything; a table has what its stream had when the
 * table was made, or what came from the step's `start` on. `since` says when it was made; where that is not known, the
 * table may be as old as its stream.
 */
export async function logReach(
  plan: TablePlan,
  of: { readonly since: string | undefined; readonly target: Target; readonly signal: AbortSignal },
): Promise<LogReach> {
  const { stream, start } = plan.input;
  const { since, target, signal } = of;
  const name = target.streamName(stream);
  const { StreamDescriptionSummary: summary } = await target.clients.kinesis.send(
    new DescribeStreamSummaryCommand(name.startsWith('arn:') ? { StreamARN: name } : { StreamName: name }),
    { abortSignal: signal },
  );
  const created = summary?.StreamCreationTimestamp?.getTime() ?? 0;
  const kept = (summary?.RetentionPeriodHours ?? 24) * HOUR;
  const logFrom = Math.max(created, Date.now() - kept);
  const tableFrom = Math.max(created, startOf(start, { since, kept }));
  const isoOf = (millis: number): string => new Date(millis).toISOString();
  const has = await whoHasAll(plan, target, signal);
  const isWhole = has === undefined ? logFrom <= tableFrom : has !== 'neither';
  return {
    from: isoOf(logFrom),
    tableFrom: isoOf(tableFrom),
    isWhole,
    ...(plan.archive === undefined ? {} : { archive: plan.archive.prefix }),
    ...(has === 'archive' ? { isArchived: true } : {}),
  };
}

function startOf(start: Start, { since, kept }: { readonly since: string | undefined; readonly kept: number }): number {
  const made = since === undefined ? 0 : Date.parse(since);
  if (start === 'latest') return made;
  return Math.max(0, made - kept, start === 'earliest' ? 0 : start.getTime());
}

/** Tells who has all that the table is made of, from the first record of each shard. Undefined: nobody noted these. */
async function whoHasAll(
  plan: TablePlan,
  target: Target,
  signal: AbortSignal,
): Promise<'log' | 'archive' | 'neither' | undefined> {
  const ranges = await rangesOf(plan, target, signal);
  if (ranges === undefined) return undefined;
  const { clients, names } = target;
  const { kinesis, s3 } = clients;
  const stream = target.streamName(plan.input.stream);
  const archived = plan.archive && { bucket: names.lake, prefix: plan.archive.prefix };
  const past = openPast({ kinesis, s3, stream, archived });
  const shape = await describeStream(kinesis, stream, signal);
  const shards = [...shape.shards, ...(await past.forgotten(ranges.keys(), shape, signal))];
  let isArchived = false;
  for (const [key, { began, upTo }] of ranges) {
    const shard = shards.find(({ id }) => shardKey(shape, id) === key);
    if (shard === undefined) return 'neither';
    const from = { sequenceNumber: sequenceNumberOf(began) };
    const reach = await past.reachOf({ key, shard, from, upTo }, signal);
    if (reach === 'neither') return 'neither';
    isArchived ||= reach === 'archive';
  }
  return isArchived ? 'archive' : 'log';
}

const MOST_SHARDS = 10_000;
const LONGEST_MILLIS = 10_000;

/** What the step has read of a shard: from the record of `began` on. */
interface ReadRange {
  readonly began: Position;
  readonly upTo: Position;
}

/** Asks the database what the step has read of each shard. Undefined: it does not say with which record it began. */
async function rangesOf(
  { pipeline, name, formerly = name }: TablePlan,
  target: Target,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, ReadRange> | undefined> {
  const [step, former] = [name, formerly].map((each) => pg.escapeLiteral(`${pipeline}/${each}`));
  const statement = `SELECT shard, state::json->>'b', state::json->>'p' FROM millrace_progress
    WHERE step IN (${step}, ${former}) AND shard NOT LIKE 'marks/%' AND shard NOT LIKE 'rebuild/%'
      AND state <> '' AND state::json->>'p' IS NOT NULL ORDER BY step = ${step}`;
  const question = { schema: 'public', statement, mostRows: MOST_SHARDS, mostMillis: LONGEST_MILLIS };
  const reply = await target.ask(question, signal);
  if ('refusal' in reply || reply.rows.length === 0) return undefined;
  const ranges = new Map<string, ReadRange>();
  for (const [shard, began, upTo] of reply.rows) {
    if (began === null) return undefined;
    ranges.set(String(shard), { began: began as Position, upTo: upTo as Position });
  }
  return ranges;
}
