import { hours } from '../../../infra/pipelines/pipeline.ts';
import { faultKinds } from '../../kit/faults.ts';
import type { Cell, Disturbance } from '../cells.ts';
import type { Matrix } from '../tally.ts';
import { STEPS } from './pipeline.ts';

/** The calls that faults aim at. */
const sites: readonly string[] = [
  'hook webhook.Post',
  'hook lambda.Invoke',
  'hook dynamodb.UpdateItem shard',
  'hook s3.PutObject dead letters',
  'kept dynamodb.PutItem items',
  'kept dynamodb.GetItem items',
  'kept dynamodb.UpdateItem items',
  'kept dynamodb.UpdateItem shard',
  'kept dynamodb.DescribeTable items',
  'kept lambda.Invoke',
  'found opensearch.Bulk',
  'found opensearch.Doc',
  'found opensearch.Mapping',
  'found opensearch.PutIndex',
  'found dynamodb.UpdateItem shard',
  'found lambda.Invoke',
  'lake s3.PutObject lake',
  'lake s3.GetObject lake',
  'lake s3.DeleteObject lake',
  'lake s3.ListObjectsV2 lake',
  'lake dynamodb.GetItem tidying',
  'lake dynamodb.UpdateItem tidying',
  'lake dynamodb.UpdateItem intent',
  'lake dynamodb.UpdateItem shard',
  'lake lambda.Invoke',
];

export const cells: readonly Cell[] = sites.flatMap((site) => faultKinds.map((kind) => ({ site, kind })));

export const disturbances: readonly Disturbance[] = [
  ...[...STEPS, 'lake'].map((step) => ({ what: 'kill', step }) as const),
  ...STEPS.map((step) => ({ what: 'recut', step }) as const),
  ...[...STEPS, 'lake'].map((step) => ({ what: 'pause', step }) as const),
];

/** They take hours of virtual time, so few schedules have one. */
export const lasting: readonly Disturbance[] = ['hook webhook', 'kept dynamodb', 'found opensearch', 'lake s3'].map(
  (site) => ({ what: 'down', site, time: hours(1) }) as const,
);

/** What the schedules of sinks that are not in the chain have to contain. */
export const sinksMatrix: Matrix = { cells, sites, disturbances: [...disturbances, ...lasting], isOpen: true };
