import { DescribeStreamSummaryCommand } from '@aws-sdk/client-kinesis';
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
 * Finds out whether a table could be made again from the log. A stream keeps what is younger than its retention and,
 * while it is younger itself, everything. A table has what its stream had when the table was made, or what came from
 * the step's `start` on. `since` says when it was made; where that is not known, the table may be as old as its stream.
 */
export async function logReach(
  { input: { stream, start } }: TablePlan,
  {
    since,
    target,
    signal,
  }: { readonly since: string | undefined; readonly target: Target; readonly signal: AbortSignal },
): Promise<LogReach> {
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
  return { from: isoOf(logFrom), tableFrom: isoOf(tableFrom), isWhole: logFrom <= tableFrom };
}

function startOf(start: Start, { since, kept }: { readonly since: string | undefined; readonly kept: number }): number {
  const made = since === undefined ? 0 : Date.parse(since);
  if (start === 'latest') return made;
  return Math.max(0, made - kept, start === 'earliest' ? 0 : start.getTime());
}
