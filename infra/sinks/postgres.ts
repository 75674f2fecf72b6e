import { columnsOf } from '../../functions/sinks/postgres/columns.ts';
import type { AwsPlaces, ConnectorStep, LaptopPlaces, Needs } from '../needs.ts';

/** The Postgres sink runs in the database's network and is told the columns of its table by the stream's schema. */
export function postgresOnAws({ schema }: ConnectorStep, { database }: AwsPlaces): Needs {
  const { host, port, name, user, authentication } = database;
  const server = { host, port, database: name, user };
  const columns = columnsOf(schema);
  if ('secret' in authentication) {
    return {
      resources: { ...server, authentication: { secret: authentication.secret }, columns },
      statements: [
        {
          why: 'reads the password of the database user',
          actions: ['secretsmanager:GetSecretValue'],
          resources: [authentication.secret],
        },
      ],
      database: true,
    };
  }
  return {
    resources: { ...server, authentication: 'iam', columns },
    statements: [
      { why: 'logs in to the database by IAM', actions: ['rds-db:connect'], resources: [authentication.userArn] },
    ],
    database: true,
  };
}

export function postgresOnLaptop({ schema }: ConnectorStep, { database }: LaptopPlaces): unknown {
  const { host, port, name, user, password } = database;
  return { host, port, database: name, user, authentication: { password }, columns: columnsOf(schema) };
}
