import { hours } from '../../../infra/pipelines/pipeline.ts';
import { faultKinds } from '../../kit/faults.ts';
import type { Cell, Disturbance } from '../cells.ts';
import type { Matrix } from '../tally.ts';

const CONTINUOUS = [
  'dynamodb.GetItem attempts',
  'dynamodb.GetItem control',
  'dynamodb.UpdateItem attempts',
  'kinesis.DescribeStreamSummary',
  'kinesis.ListShards',
  'lambda.Invoke',
] as const;
const IN_DATABASE = ['postgres.Begin', 'postgres.Commit', 'postgres.Copy', 'postgres.LoadProgress'] as const;

/** The calls of a table step with a change stream, beside those of every continuous step. */
export const PUBLISHING = [
  ...IN_DATABASE,
  'dynamodb.GetItem outbox',
  'dynamodb.UpdateItem outbox',
  'kinesis.PutRecords',
] as const;

export const sitesOf = (step: string, calls: readonly string[]): readonly string[] =>
  [...CONTINUOUS, ...calls].map((call) => `${step} ${call}`);

/** The calls that faults aim at: those of the tables, and of the readers of their changes. */
export const sites: readonly string[] = [
  ...sitesOf('sums', PUBLISHING),
  'sums s3.PutObject dead letters',
  ...sitesOf('groups', PUBLISHING),
  ...sitesOf('copy', IN_DATABASE),
  ...sitesOf('mirror', IN_DATABASE),
];

export const cells: readonly Cell[] = sites.flatMap((site) => faultKinds.map((kind) => ({ site, kind })));

const TABLES = ['sums', 'groups'] as const;
const READERS = ['copy', 'mirror', 'regrouping'] as const;

export const disturbances: readonly Disturbance[] = [
  ...[...TABLES, ...READERS].map((step) => ({ what: 'kill', step }) as const),
  ...[...TABLES, ...READERS].map((step) => ({ what: 'recut', step }) as const),
  ...[...TABLES, ...READERS].map((step) => ({ what: 'pause', step }) as const),
];

/** They take hours of virtual time, so few schedules have one. */
export const lasting: readonly Disturbance[] = [
  'sums postgres',
  'sums kinesis',
  'sums dynamodb',
  'groups postgres',
  'groups kinesis',
  'copy postgres',
].map((site) => ({ what: 'down', site, time: hours(1) }) as const);

/** What the schedules of tables have to contain. Other steps' calls are aimed at by the schedules of the chain. */
export const tablesMatrix: Matrix = { cells, sites, disturbances: [...disturbances, ...lasting], isOpen: true };
