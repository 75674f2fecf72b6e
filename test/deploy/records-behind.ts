import { openCheckpoints } from '../../functions/runtime/checkpoints/checkpoints.ts';
import { shardKey } from '../../functions/runtime/checkpoints/shard-states.ts';
import { decodeState } from '../../functions/runtime/checkpoints/step-state.ts';
import { readShard } from '../../functions/runtime/log/log-reader.ts';
import { describeStream } from '../../functions/runtime/log/shards.ts';
import type { Position } from '../../functions/runtime/position.ts';
import { connectors } from '../../infra/connectors.ts';
import { streamNameOf } from '../../infra/constructs/stream-names.ts';
import type { ReaderPlan } from '../../infra/pipelines/plan.ts';
import type { Deployed } from './deployed.ts';
import { LONGEST_MILLIS } from './longest.ts';

/** Counts the records of its stream that a step has not processed yet, by the step's own positions. */
export async function recordsBehind(step: ReaderPlan, deployed: Deployed): Promise<number> {
  const { kinesis } = deployed.clients;
  const signal = AbortSignal.timeout(LONGEST_MILLIS);
  const stream = streamNameOf(step.input.stream, deployed.names);
  const shape = await describeStream(kinesis, stream, signal);
  let behind = 0;
  for (const { id: shardId } of shape.shards) {
    const after = await positionIn(shardKey(shape, shardId), step, { deployed, signal });
    const pages = readShard({ kinesis, stream, shardId, after, signal, trimmedIsNoLoss: true });
    for await (const { records } of pages) behind += records.length;
  }
  return behind;
}

async function positionIn(
  shard: string,
  step: ReaderPlan,
  { deployed, signal }: { readonly deployed: Deployed; readonly signal: AbortSignal },
): Promise<Position | undefined> {
  const name = `${step.pipeline}/${step.name}`;
  const { clients, names } = deployed;
  const keepsItsOwn = step.kind === 'table' || (step.kind === 'sink' && connectors[step.connector].progress === 'own');
  const stored = keepsItsOwn
    ? await stateInDatabase(name, shard, deployed)
    : (await openCheckpoints({ dynamodb: clients.dynamodb, table: names.checkpoints, step: name }).load(shard, signal))
        ?.state;
  return stored === undefined ? undefined : decodeState(stored).position;
}

async function stateInDatabase(step: string, shard: string, { database }: Deployed): Promise<string | undefined> {
  const { rows } = await database.query<{ exists: boolean }>(
    "SELECT to_regclass('millrace_progress') IS NOT NULL AS exists",
  );
  // The sink creates the table with its first slice.
  if (rows[0]?.exists !== true) return undefined;
  const found = await database.query<{ state: string }>(
    'SELECT state FROM millrace_progress WHERE step = $1 AND shard = $2',
    [step, shard],
  );
  return found.rows[0]?.state;
}
