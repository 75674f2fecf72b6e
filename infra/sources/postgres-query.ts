import { z } from 'zod';
import type { AwsResources, ConnectorStep, LaptopResources, Needs } from '../needs.ts';
import { databaseNeeds, serverOnLaptop } from '../sinks/postgres.ts';

/** The option that the resources depend on. */
const Options = z.object({ database: z.string().optional() });

/** Runs the source in the database's network, with the address of its database. */
export function postgresQueryOnAws({ options }: ConnectorStep, aws: AwsResources): Needs {
  return databaseNeeds(aws.database(Options.parse(options).database));
}

/** A laptop has one database, which stands for all databases that a pipeline names. */
export function postgresQueryOnLaptop(_step: ConnectorStep, { database }: LaptopResources): unknown {
  return serverOnLaptop(database);
}
