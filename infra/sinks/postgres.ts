import { z } from 'zod';
import type { PostgresServer } from '../../functions/clients/postgres-login.ts';
import type { Column } from '../../functions/sinks/postgres/columns.ts';
import { columnsOfVersions } from '../../functions/sinks/postgres/grown-columns.ts';
import type { AwsDatabase, AwsResources, ConnectorStep, LaptopResources, Needs, Statement } from '../needs.ts';
import { schemasOf } from '../schemas/schemas-of.ts';
import { readsSecret } from '../secret-statements.ts';

/** The options that the resources depend on. */
const Options = z.object({
  create: z.boolean().default(false),
  evolve: z.boolean().default(false),
  database: z.string().optional(),
});

type Server = z.input<typeof PostgresServer>;
type Resources = Server & { readonly columns?: readonly Column[] };

/**
 * Runs the sink in the database's network, with the address of its database. A sink that creates its table, or alters
 * it, also gets the columns, derived from the versions of the stream's schema.
 */
export function postgresOnAws(step: ConnectorStep, aws: AwsResources): Needs {
  const needs = databaseNeeds(aws.database(Options.parse(step.options).database));
  return { ...needs, resources: { ...needs.resources, ...columnsToMake(step) } };
}

/** Returns what a function needs that logs in to a database: its address, the rights to log in, and its network. */
export function databaseNeeds(database: AwsDatabase): Needs & { readonly resources: Server } {
  const { host, port, name, user, authentication, tls, ca, network } = database;
  const auth = 'secret' in authentication ? { secret: authentication.secret } : { iam: true as const };
  const resources: Server = {
    host,
    port,
    database: name,
    user,
    auth,
    ...(tls === undefined ? {} : { tls }),
    ...(ca === undefined ? {} : { ca }),
  };
  return { resources, statements: logsIn(authentication), network };
}

/** A laptop has one database, which stands for all databases that a pipeline names. */
export function postgresOnLaptop(step: ConnectorStep, { database }: LaptopResources): unknown {
  const resources: Resources = { ...serverOnLaptop(database), ...columnsToMake(step) };
  return resources;
}

export function serverOnLaptop(database: LaptopResources['database']): Server {
  const { host, port, name, user, password } = database;
  return { host, port, database: name, user, auth: { password }, tls: 'off' };
}

function columnsToMake(step: ConnectorStep): Pick<Resources, 'columns'> {
  const { create, evolve } = Options.parse(step.options);
  return create || evolve ? { columns: columnsOfVersions(schemasOf(step)) } : {};
}

function logsIn(authentication: AwsDatabase['authentication']): readonly Statement[] {
  return 'secret' in authentication
    ? readsSecret('reads the password of the database user', authentication)
    : [{ why: 'logs in to the database by iam', actions: ['rds-db:connect'], resources: [authentication.userArn] }];
}
