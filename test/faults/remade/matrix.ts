import { hours } from '../../../infra/pipelines/pipeline.ts';
import { faultKinds } from '../../kit/faults.ts';
import type { Cell, Disturbance } from '../cells.ts';
import { PUBLISHING, sitesOf } from '../tables/matrix.ts';
import type { Matrix } from '../tally.ts';

/** The calls of a pulled source. */
const PULLED = [
  'dynamodb.GetItem control',
  'dynamodb.GetItem pull',
  'dynamodb.UpdateItem lease',
  'dynamodb.UpdateItem pull',
  'dynamodb.UpdateItem release',
  'kinesis.DescribeStreamSummary',
  'kinesis.ListShards',
  'kinesis.PutRecords',
  'lambda.Invoke',
] as const;

const sites: readonly string[] = [
  ...PULLED.map((call) => `numbers ${call}`),
  ...sitesOf('sums', PUBLISHING),
  'sums s3.PutObject dead letters',
  // A table that is made again reads the log itself.
  'sums kinesis.GetRecords',
  'sums kinesis.GetShardIterator',
];

export const cells: readonly Cell[] = sites.flatMap((site) => faultKinds.map((kind) => ({ site, kind })));

export const disturbances: readonly Disturbance[] = [
  ...['numbers', 'sums', 'added'].map((step) => ({ what: 'kill', step }) as const),
  ...['sums', 'added'].map((step) => ({ what: 'recut', step }) as const),
  ...['numbers', 'sums', 'added'].map((step) => ({ what: 'pause', step }) as const),
];

/** They take hours of virtual time, so few schedules have one. */
export const lasting: readonly Disturbance[] = [
  'numbers kinesis',
  'numbers dynamodb',
  'sums postgres',
  'sums kinesis',
].map((site) => ({ what: 'down', site, time: hours(1) }) as const);

/** What the schedules of a pulled source and of a table that is made again have to contain. */
export const remadeMatrix: Matrix = { cells, sites, disturbances: [...disturbances, ...lasting], isOpen: true };
