import { z } from 'zod';
import type { PipelinePlan, StepPlan } from './plan.ts';

/** The connections that a step opens at once. */
export interface StepConnections {
  /** `<pipeline>/<step>` */
  readonly step: string;
  readonly connections: number;
  /** False for a stream whose number of shards nobody has said: there may be more. */
  readonly isExact: boolean;
}

/** A database, and the steps that log in to it. */
export interface DatabaseUse {
  /** The name that sinks use; undefined for the stage's own database. */
  readonly database: string | undefined;
  readonly steps: readonly StepConnections[];
}

/**
 * Counts the connections of steps to databases. A process of a step has one connection, and there is one process for
 * each shard: a mapping has one batch of a shard in flight (`infra/delivery.ts`). A scheduled step is one process. A
 * source that reads a database is one process. Connections of processes that Lambda has frozen do not last: the server
 * ends them within half a minute.
 */
export function databaseUses(plans: readonly PipelinePlan[]): readonly DatabaseUse[] {
  const using = plans.flatMap(({ steps }) => steps).flatMap(usesOf);
  const byDatabase = Map.groupBy(using, ({ database }) => database);
  return [...byDatabase].map(([database, steps]) => ({ database, steps: steps.map((one) => one.connections) }));
}

interface Use {
  readonly database: string | undefined;
  readonly connections: StepConnections;
}

/** The option by which a sink or a source of Postgres chooses its database. */
const Options = z.looseObject({ database: z.string().optional() });

function usesOf(step: StepPlan): readonly Use[] {
  if (step.kind === 'table') return [{ database: undefined, connections: connectionsOf(step) }];
  if (step.kind === 'transform') return [];
  const { database } = Options.parse(step.options);
  if (step.kind === 'sink')
    return step.connector === 'postgres' ? [{ database, connections: connectionsOf(step) }] : [];
  const name = `${step.pipeline}/${step.name}`;
  const connections = SOURCE_CONNECTIONS[step.connector];
  return connections === undefined ? [] : [{ database, connections: { step: name, connections, isExact: true } }];
}

/** A reader of the log has one connection for the log, one for messages, and four for the rows of tables. */
const SOURCE_CONNECTIONS: Readonly<Record<string, number>> = { 'postgres-query': 1, 'postgres-changes': 6 };

/** Kinesis gives a stream of on-demand capacity so many shards at first. */
const FIRST_SHARDS = 4;

function connectionsOf({ pipeline, name, delivery, input }: Exclude<StepPlan, { kind: 'source' }>): StepConnections {
  const step = `${pipeline}/${name}`;
  if (delivery === 'scheduled') return { step, connections: 1, isExact: true };
  const { stream } = input;
  if (stream.kind === 'existing') return { step, connections: 1, isExact: false };
  if (stream.shards === 'on-demand') return { step, connections: FIRST_SHARDS, isExact: false };
  return { step, connections: stream.shards, isExact: true };
}
