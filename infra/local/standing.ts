import pg from 'pg';
import { openCheckpoints } from '../../functions/runtime/checkpoints.ts';
import { readShard } from '../../functions/runtime/log-reader.ts';
import { type StateStore, shardKey } from '../../functions/runtime/shard-states.ts';
import { describeStream } from '../../functions/runtime/shards.ts';
import { decodeState } from '../../functions/runtime/step-state.ts';
import { connectors } from '../connectors.ts';
import type { SinkPlan, TransformPlan } from '../pipelines/plan.ts';
import type { LocalStage } from './stage.ts';

/** How far a step that reads a stream is behind its end, over all shards. */
export interface Standing {
  readonly recordsBehind: number;
  /** How long the oldest record that is not done has been in the log. */
  readonly lagMillis: number;
}

/** Asks the step's own positions, wherever it keeps them, and counts what the log has after them. */
export async function standingOf(
  step: TransformPlan | SinkPlan,
  stage: LocalStage,
  signal: AbortSignal,
): Promise<Standing> {
  const { kinesis } = stage.clients;
  const stream = stage.streamName(step.input.stream);
  const shape = await describeStream(kinesis, stream, signal);
  const states = statesOf(step, stage);
  let recordsBehind = 0;
  let oldestMillis = Date.now();
  for (const shard of shape.shards) {
    const stored = await states.load(shardKey(shape, shard.id), signal);
    const after = stored === undefined ? undefined : decodeState(stored.state).position;
    for await (const page of readShard({
      kinesis,
      stream,
      shardId: shard.id,
      after,
      signal,
      nothingUnreadTrimmed: true,
    })) {
      recordsBehind += page.records.length;
      for (const { approximateArrivalMillis } of page.records)
        oldestMillis = Math.min(oldestMillis, approximateArrivalMillis);
    }
  }
  return { recordsBehind, lagMillis: recordsBehind === 0 ? 0 : Date.now() - oldestMillis };
}

function statesOf(step: TransformPlan | SinkPlan, stage: LocalStage): StateStore {
  const name = `${step.pipeline}/${step.name}`;
  if (step.kind === 'sink' && connectors[step.connector].progress === 'own') return statesInDatabase(name, stage);
  return openCheckpoints({ dynamodb: stage.clients.dynamodb, table: stage.names.checkpoints, step: name });
}

function statesInDatabase(step: string, { places }: LocalStage): StateStore {
  const { host, port, name, user, password } = places.database;
  return {
    async load(shard) {
      const client = new pg.Client({ host, port, database: name, user, password });
      await client.connect();
      try {
        const { rows } = await client.query<{ revision: string; state: string }>(
          'SELECT revision, state FROM millrace_progress WHERE step = $1 AND shard = $2',
          [step, shard],
        );
        const [row] = rows;
        return row === undefined ? undefined : { revision: Number(row.revision), state: row.state };
      } catch (error) {
        // The sink makes the table with its first slice.
        if ((error as { code?: string }).code === '42P01') return undefined;
        throw error;
      } finally {
        await client.end();
      }
    },
  };
}
