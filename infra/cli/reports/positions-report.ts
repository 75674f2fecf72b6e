import type { ShardAnswer } from '../../../functions/runtime/operator-request.ts';
import type { RecordPosition } from '../../operation/control/preview-move.ts';
import { positionsOf } from '../../operation/status/positions.ts';
import { readingOf } from '../../operation/status/shard-reading.ts';
import type { TargetWithFunctions } from '../../operation/target.ts';
import type { SinkPlan, TransformPlan } from '../../pipelines/plan.ts';
import { textTable } from '../../text-table.ts';
import { positionText, shortShard } from './rewind-report.ts';

export interface ShardStanding {
  readonly shard: string;
  readonly position?: RecordPosition;
  readonly state: 'reading' | 'rewinding' | 'ended';
}

/** Where a step stands, with the time of each record that the log still has. */
export async function standingsOf(
  step: TransformPlan | SinkPlan,
  target: TargetWithFunctions,
  signal: AbortSignal,
): Promise<readonly ShardStanding[]> {
  const stream = target.streamName(step.input.stream);
  const { kinesis } = target.clients;
  return await Promise.all(
    (await positionsOf(step, target, signal)).map(async (answer) => {
      const { shard, sequenceNumber } = answer;
      const state = stateOf(answer);
      if (sequenceNumber === undefined) return { shard, state };
      const read = readingOf({ kinesis, stream, shardId: shard, signal });
      return { shard, position: await positionAt(read, sequenceNumber), state };
    }),
  );
}

async function positionAt(read: ReturnType<typeof readingOf>, sequenceNumber: string): Promise<RecordPosition> {
  for await (const record of read.from({ atSequenceNumber: sequenceNumber })) {
    if (BigInt(record.sequenceNumber) !== BigInt(sequenceNumber)) break;
    return { sequenceNumber, time: new Date(record.approximateArrivalMillis).toISOString() };
  }
  return { sequenceNumber };
}

function stateOf({ phase, ended }: ShardAnswer): ShardStanding['state'] {
  if (phase !== undefined) return 'rewinding';
  return ended ? 'ended' : 'reading';
}

export function standingsReport(standings: readonly ShardStanding[]): string {
  const rows = standings.map(({ shard, position, state }) => [
    shortShard(shard),
    positionText(position, 'nothing read'),
    state,
  ]);
  return textTable(['shard', 'position', 'state'], rows);
}
