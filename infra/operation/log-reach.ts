import { DescribeStreamSummaryCommand } from '@aws-sdk/client-kinesis';
import pg from 'pg';
import { shardKey } from '../../functions/runtime/checkpoints/shard-states.ts';
import { recordAt } from '../../functions/runtime/log/record-at.ts';
import { describeStream } from '../../functions/runtime/log/shards.ts';
import type { Position } from '../../functions/runtime/position.ts';
import type { TablePlan } from '../pipelines/plan.ts';
import type { Start } from '../pipelines/steps.ts';
import type { Target } from './target.ts';

/** How far back the log of a table's stream reaches, and the table. */
export interface LogReach {
  /** The log has every event since then: ISO 8601, in UTC. */
  readonly from: string;
  /** The earliest that an event of the table may be. */
  readonly tableFrom: string;
  /** True when the log has every event that the table is made of. */
  readonly isWhole: boolean;
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
  const isWhole = (await hasBeginnings(plan, target, signal)) ?? logFrom <= tableFrom;
  return { from: isoOf(logFrom), tableFrom: isoOf(tableFrom), isWhole };
}

function startOf(start: Start, { since, kept }: { readonly since: string | undefined; readonly kept: number }): number {
  const made = since === undefined ? 0 : Date.parse(since);
  if (start === 'latest') return made;
  return Math.max(0, made - kept, start === 'earliest' ? 0 : start.getTime());
}

/** Tells whether the log has the first record of each shard that the table is made of. Undefined: nobody noted it. */
async function hasBeginnings(plan: TablePlan, target: Target, signal: AbortSignal): Promise<boolean | undefined> {
  const began = await beginningsOf(plan, target, signal);
  if (began === undefined) return undefined;
  const stream = target.streamName(plan.input.stream);
  const { kinesis } = target.clients;
  const shape = await describeStream(kinesis, stream, signal);
  for (const [key, position] of began) {
    const shard = shape.shards.find(({ id }) => shardKey(shape, id) === key);
    if (shard === undefined) return false;
    if ((await recordAt({ kinesis, stream, shardId: shard.id, signal }, position)) === undefined) return false;
  }
  return true;
}

const MOST_SHARDS = 10_000;
const LONGEST_MILLIS = 10_000;

/** Asks the database with which record of each shard the step began. */
async function beginningsOf(
  { pipeline, name, formerly = name }: TablePlan,
  target: Target,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Position> | undefined> {
  const [step, former] = [name, formerly].map((each) => pg.escapeLiteral(`${pipeline}/${each}`));
  const statement = `SELECT shard, state::json->>'b' FROM millrace_progress
    WHERE step IN (${step}, ${former}) AND shard NOT LIKE 'marks/%' AND shard NOT LIKE 'rebuild/%'
      AND state <> '' AND state::json->>'p' IS NOT NULL ORDER BY step = ${step}`;
  const question = { schema: 'public', statement, mostRows: MOST_SHARDS, mostMillis: LONGEST_MILLIS };
  const reply = await target.ask(question, signal);
  if ('refusal' in reply || reply.rows.length === 0) return undefined;
  const began = new Map(reply.rows.map(([shard, position]) => [String(shard), position as Position | null]));
  const isKnown = [...began.values()].every((position) => position !== null);
  return isKnown ? (began as ReadonlyMap<string, Position>) : undefined;
}
