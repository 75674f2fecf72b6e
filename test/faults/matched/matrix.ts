import { hours } from '../../../infra/pipelines/pipeline.ts';
import { faultKinds } from '../../kit/faults.ts';
import type { Cell, Disturbance } from '../cells.ts';
import { PUBLISHING, sitesOf } from '../tables/matrix.ts';
import type { Matrix } from '../tally.ts';

const PUBLISHERS = ['named-orders', 'named-matches', 'named', 'priced', 'settled'] as const;
const REKEYING = [
  'named-keys',
  'named-customers',
  'priced-orders',
  'priced-customers',
  'settled-orders',
  'settled-payments',
] as const;

const sites: readonly string[] = [
  ...PUBLISHERS.flatMap((step) => sitesOf(step, PUBLISHING)),
  ...REKEYING.map((step) => `${step} kinesis.PutRecords`),
  ...['priced', 'settled-orders', 'settled-payments'].map((step) => `${step} s3.PutObject dead letters`),
];

export const cells: readonly Cell[] = sites.flatMap((site) => faultKinds.map((kind) => ({ site, kind })));

const STEPS = [...PUBLISHERS, ...REKEYING];

export const disturbances: readonly Disturbance[] = [
  ...STEPS.map((step) => ({ what: 'kill', step }) as const),
  ...STEPS.map((step) => ({ what: 'recut', step }) as const),
  ...STEPS.map((step) => ({ what: 'pause', step }) as const),
];

/** They take hours of virtual time, with a tick each minute, so few schedules have one. */
export const lasting: readonly Disturbance[] = [
  'named-matches postgres',
  'named-keys kinesis',
  'named kinesis',
  'priced postgres',
  'settled postgres',
  'settled-payments kinesis',
].map((site) => ({ what: 'down', site, time: hours(1) }) as const);

/** What the schedules of joins by a foreign key, AS OF and within a time have to contain. */
export const matchedMatrix: Matrix = { cells, sites, disturbances: [...disturbances, ...lasting], isOpen: true };
