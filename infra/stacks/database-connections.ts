import { UserMistake } from '../../functions/runtime/errors.ts';
import type { Context } from '../context.ts';
import { connectionsOfClass, DEFAULT_CLASS } from '../database-classes.ts';
import { type DatabaseUse, databaseUses, type StepConnections } from '../pipelines/connections.ts';
import type { PipelinePlan } from '../pipelines/plan.ts';

/**
 * What steps leave free: five connections that Postgres and RDS keep for administrators, five of the role that reads
 * for operators, and ten for a step's function that answers an operator, for builds of indexes and for people.
 */
export const KEPT_FREE = 20;

/** Postgres's own default. */
const USUAL = 100;

type Databases = Pick<Context, 'database' | 'databases' | 'databaseClass'>;

/**
 * Throws a `UserMistake` when the steps of the pipelines need more connections than a database allows. For a given
 * database that declares no maximum, nobody knows: see `connectionWarnings`.
 */
export function refuseTooManyConnections(plans: readonly PipelinePlan[], context: Databases): void {
  const mistakes = databaseUses(plans).flatMap((use) => {
    const { most, allows, wayOut } = limitOf(use.database, context);
    if (most === undefined || sumOf(use.steps) <= most - KEPT_FREE) return [];
    return [`${needs(use)}, and ${allows}, of which ${KEPT_FREE} stay free for operators and the server: ${wayOut}`];
  });
  if (mistakes.length > 0) throw new UserMistake(mistakes.join('\n'));
}

/** Warns of databases that declare no maximum, where the steps need more than Postgres allows by default. */
export function connectionWarnings(plans: readonly PipelinePlan[], context: Databases): readonly string[] {
  return databaseUses(plans).flatMap((use) => {
    if (limitOf(use.database, context).most !== undefined || sumOf(use.steps) <= USUAL - KEPT_FREE) return [];
    return [
      `${needs(use)}, and Postgres allows ${USUAL} unless it is configured otherwise: say what it allows ("maxConnections":…)`,
    ];
  });
}

interface Limit {
  readonly most: number | undefined;
  readonly allows: string;
  readonly wayOut: string;
}

const FEWER = 'use fewer shards, or let sinks write on a schedule (every), which takes one connection each';

function limitOf(name: string | undefined, { database, databases, databaseClass }: Databases): Limit {
  const given = name === undefined ? database : databases[name];
  if (name === undefined && database === undefined) {
    const instance = databaseClass ?? DEFAULT_CLASS;
    return {
      most: connectionsOfClass(instance),
      allows: `an instance ${instance} allows about ${connectionsOfClass(instance)}`,
      wayOut: `${FEWER}; or choose a larger instance (-c databaseClass=…), or give sinks a database of their own (-c databases=…)`,
    };
  }
  return {
    most: given?.maxConnections,
    allows: `the database declares ${given?.maxConnections} (maxConnections)`,
    wayOut: `${FEWER}; or raise max_connections in the server, and maxConnections in the context`,
  };
}

function needs({ database, steps }: DatabaseUse): string {
  const which = database === undefined ? "the stage's database" : `database '${database}'`;
  const least = steps.some(({ isExact }) => !isExact) ? 'at least ' : '';
  return `the steps of ${which} need ${least}${sumOf(steps)} connections, one for each shard (${steps.map(textOf).join(', ')})`;
}

function textOf({ step, connections, isExact }: StepConnections): string {
  return `${step} ${connections}${isExact ? '' : ' or more'}`;
}

function sumOf(steps: readonly StepConnections[]): number {
  return steps.reduce((sum, { connections }) => sum + connections, 0);
}
