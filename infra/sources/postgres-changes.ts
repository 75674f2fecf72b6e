import { z } from 'zod';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { fieldTypesOf } from '../../functions/sinks/postgres/columns.ts';
import type { AwsResources, ConnectorStep, LaptopResources, Needs } from '../needs.ts';
import { databaseNeeds, serverOnLaptop } from '../sinks/postgres.ts';

/** The option that the resources depend on. */
const Options = z.object({ database: z.string().optional() });

/**
 * Runs the source in the database's network, with the address of its database and the fields of the stream's schema.
 * Throws a `UserMistake` for a database whose user logs in by IAM: RDS refuses that for connections to the log.
 */
export function postgresChangesOnAws(step: ConnectorStep, aws: AwsResources): Needs {
  const { pipeline, name, options } = step;
  const { database: wanted } = Options.parse(options);
  const database = aws.database(wanted);
  if (!('secret' in database.authentication))
    throw new UserMistake(
      `'${pipeline}/${name}' reads the log of ${wanted === undefined ? "the stage's own database" : `the database '${wanted}'`}, whose user logs in by iam, and RDS takes a password only for that: name a database with a secret (databases in the context, docs/databases.md#on-aws)`,
    );
  const needs = databaseNeeds(database);
  return { ...needs, resources: { ...needs.resources, ...fieldsOf(step) } };
}

/** A laptop has one database, which stands for all databases that a pipeline names. */
export function postgresChangesOnLaptop(step: ConnectorStep, { database }: LaptopResources): unknown {
  return { ...serverOnLaptop(database), ...fieldsOf(step) };
}

/** The fields of the stream's schema; of a source with several outputs, those of each. */
function fieldsOf({ schema, outputs = {} }: ConnectorStep) {
  const each = Object.entries(outputs).map(([name, output]) => [name, fieldTypesOf(output)] as const);
  return each.length === 0 ? { fields: fieldTypesOf(schema) } : { fields: [], outputs: Object.fromEntries(each) };
}
