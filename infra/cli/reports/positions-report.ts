import type { ShardAnswer } from '../../../functions/runtime/operator-request.ts';
import type { RecordPosition } from '../../operation/control/preview-move.ts';
import { positionsOf } from '../../operation/status/positions.ts';
import { openShardReader, type ShardReader } from '../../operation/status/shard-reading.ts';
import type { TargetWithFunctions } from '../../operation/target.ts';
import type { ReaderPlan } from '../../pipelines/plan.ts';
import { textTable } from '../../text-table.ts';
import { positionText, shortShard } from './rewind-report.ts';

/** A step's position in one shard. */
export interface ShardPosition {
  readonly shard: string;
  readonly position?: RecordPosition;
  readonly state: 'reading' | 'rewinding' | 'ended';
}

/** Loads a step's positions, with the arrival time of each record that the log still holds. */
export async function shardPositions(
  step: ReaderPlan,
  target: TargetWithFunctions,
  signal: AbortSignal,
): Promise<readonly ShardPosition[]> {
  const stream = target.streamName(step.input.stream);
  const { kinesis } = target.clients;
  return await Promise.all(
    (await positionsOf(step, target, signal)).map(async (answer) => {
      const { shard, sequenceNumber } = answer;
      const state = stateOf(answer);
      if (sequenceNumber === undefined) return { shard, state };
      const reader = openShardReader({ kinesis, stream, shardId: shard, signal });
      return { shard, position: await positionAt(reader, sequenceNumber), state };
    }),
  );
}

async function positionAt(reader: ShardReader, sequenceNumber: string): Promise<RecordPosition> {
  for await (const record of reader.from({ atSequenceNumber: sequenceNumber })) {
    if (BigInt(record.sequenceNumber) !== BigInt(sequenceNumber)) break;
    return { sequenceNumber, time: new Date(record.approximateArrivalMillis).toISOString() };
  }
  return { sequenceNumber };
}

function stateOf({ phase, ended }: ShardAnswer): ShardPosition['state'] {
  if (phase !== undefined) return 'rewinding';
  return ended ? 'ended' : 'reading';
}

/** Formats a row for each shard. */
export function positionsReport(rows: readonly ShardPosition[]): string {
  const cells = rows.map(({ shard, position, state }) => [
    shortShard(shard),
    positionText(position, 'nothing read'),
    state,
  ]);
  return textTable(['shard', 'position', 'state'], cells);
}
