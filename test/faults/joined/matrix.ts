import { hours } from '../../../infra/pipelines/pipeline.ts';
import { faultKinds } from '../../kit/faults.ts';
import type { Cell, Disturbance } from '../cells.ts';
import { PUBLISHING, sitesOf } from '../tables/matrix.ts';
import type { Matrix } from '../tally.ts';

const sites: readonly string[] = [
  ...['windows', 'named', 'cards'].flatMap((step) => sitesOf(step, PUBLISHING)),
  ...['windows', 'named'].map((step) => `${step} s3.PutObject dead letters`),
  ...['named-orders', 'cards-customers'].map((step) => `${step} kinesis.PutRecords`),
];

export const cells: readonly Cell[] = sites.flatMap((site) => faultKinds.map((kind) => ({ site, kind })));

const REKEYING = ['named-orders', 'named-customers', 'cards-customers', 'cards-scores'] as const;
const STEPS = ['windows', 'named', 'cards', 'checking'] as const;

export const disturbances: readonly Disturbance[] = [
  ...[...STEPS, ...REKEYING].map((step) => ({ what: 'kill', step }) as const),
  ...[...STEPS, ...REKEYING].map((step) => ({ what: 'recut', step }) as const),
  ...[...STEPS, ...REKEYING].map((step) => ({ what: 'pause', step }) as const),
];

/** They take hours of virtual time, with a tick each minute, so few schedules have one. */
export const lasting: readonly Disturbance[] = [
  'windows postgres',
  'windows kinesis',
  'named postgres',
  'named dynamodb',
  'cards postgres',
  'checking kinesis',
].map((site) => ({ what: 'down', site, time: hours(1) }) as const);

/** What the schedules of windows and joins have to contain. */
export const joinedMatrix: Matrix = { cells, sites, disturbances: [...disturbances, ...lasting], isOpen: true };
