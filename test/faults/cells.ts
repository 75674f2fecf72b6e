import { hours } from '../../infra/pipelines/pipeline.ts';
import type { Duration } from '../../infra/pipelines/steps.ts';
import { type FaultKind, faultKinds } from '../kit/faults.ts';
import type { Resharding } from '../kit/resharding.ts';
import { REFUSING, type Refusing, type StreamName } from './chain.ts';
import { sites } from './sites.ts';

/** One kind of failure at one call site: a cell of the matrix. */
export interface Cell {
  readonly site: string;
  readonly kind: CellKind;
  /** The stream that is split or merged while the call is in flight. */
  readonly stream?: StreamName;
}

export type CellKind = FaultKind | Resharding;
export const cellKinds: readonly CellKind[] = [...faultKinds, 'split', 'merge'];

/** The calls during which a stream is resharded, by its writers and its readers. */
export const reshardedDuring: Readonly<Record<string, StreamName>> = {
  'posts kinesis.PutRecords': 'raw',
  'files kinesis.PutRecords': 'raw',
  'first kinesis.PutRecords': 'mid',
  'second kinesis.PutRecords': 'end',
  'first lambda.Invoke': 'raw',
  'second lambda.Invoke': 'mid',
  'history lambda.Invoke': 'end',
  'latest lambda.Invoke': 'end',
  'ledger lambda.Invoke': 'end',
  'lake lambda.Invoke': 'end',
  'ledger kinesis.GetRecords': 'end',
  'lake kinesis.GetRecords': 'end',
};

/** The cells that any schedule may aim at. */
export const cells: readonly Cell[] = [
  ...sites.flatMap((site) => faultKinds.map((kind) => ({ site, kind }))),
  ...Object.entries(reshardedDuring).flatMap(([site, stream]) =>
    (['split', 'merge'] as const).map((kind) => ({ site, kind, stream })),
  ),
];

/**
 * Calls that a step makes only after an operator's command. Schedules of their own contain that command and aim at
 * these cells.
 */
export interface OperatorAim {
  readonly disturbance: Disturbance;
  readonly cells: readonly Cell[];
}

/** A disturbance of a whole step. */
export type Disturbance =
  | { readonly what: 'kill'; readonly step: string }
  | { readonly what: 'recut'; readonly step: string }
  | { readonly what: 'down'; readonly site: string; readonly time: Duration }
  | { readonly what: 'pause'; readonly step: string }
  /** Deploys changed code: in a pause, or during the append that follows `after` others. */
  | {
      readonly what: 'deploy';
      readonly step: 'first' | 'second';
      readonly when: 'paused' | 'at work';
      readonly after: number;
    }
  | Poison
  | Redrive
  | { readonly what: 'rewind'; readonly step: 'latest' | 'first' | 'second'; readonly to: 'earliest' | 'middle' };

/** An event that kills the step's function arrives: in a record of its own, or in one with other events. */
export interface Poison {
  readonly what: 'poison';
  readonly step: Refusing;
  readonly among: 'nothing else' | 'others';
}

/**
 * An operator redrives dead letters. When `fixed`, the step was fixed before and takes them; otherwise the step rejects
 * them again.
 */
export interface Redrive {
  readonly what: 'redrive';
  readonly step: Refusing;
  readonly fixed: boolean;
}

const STEPS = ['posts', 'files', 'first', 'second', 'history', 'latest', 'ledger', 'lake'];
const CONTINUOUS = ['first', 'second', 'history', 'latest'];

/** Disturbances that the schedules have to contain, each at least once. */
export const disturbances: readonly Disturbance[] = [
  ...STEPS.map((step) => ({ what: 'kill', step }) as const),
  ...CONTINUOUS.map((step) => ({ what: 'recut', step }) as const),
  ...STEPS.map((step) => ({ what: 'pause', step }) as const),
  ...REFUSING.filter((step) => step !== 'ledger').flatMap(poisonsOf),
  ...(['first', 'second'] as const).flatMap((step) =>
    (['paused', 'at work'] as const).map((when) => ({ what: 'deploy', step, when, after: 0 }) as const),
  ),
  ...REFUSING.flatMap(redrivesOf),
  ...(['latest', 'first', 'second'] as const).flatMap((step) =>
    (['earliest', 'middle'] as const).map((to) => ({ what: 'rewind', step, to }) as const),
  ),
];

function poisonsOf(step: Refusing): readonly Poison[] {
  return (['nothing else', 'others'] as const).map((among) => ({ what: 'poison', step, among }));
}

function redrivesOf(step: Refusing): readonly Redrive[] {
  return [true, false].map((fixed) => ({ what: 'redrive', step, fixed }));
}

/**
 * Disturbances that the schedules have to contain too. They take hours of virtual time: when a run of a scheduled step
 * dies, its lease lasts another 15 minutes.
 */
export const lasting: readonly Disturbance[] = [
  ...[
    'history postgres',
    'latest postgres',
    'ledger postgres',
    'lake s3',
    'lake kinesis',
    'lake dynamodb',
    'first kinesis',
    'first dynamodb',
    'second dynamodb',
    'second s3',
    'files kinesis',
    'files dynamodb',
  ].map((site) => ({ what: 'down', site, time: hours(1) }) as const),
  ...poisonsOf('ledger'),
];

const REWINDING = [
  'dynamodb.GetItem delivered',
  'dynamodb.GetItem rewind',
  'dynamodb.UpdateItem delivered',
  'dynamodb.UpdateItem lease',
  'dynamodb.UpdateItem release',
  'dynamodb.UpdateItem rewind',
  'kinesis.GetRecords',
  'kinesis.GetShardIterator',
];
/** The calls of the command that redrives dead letters. */
const REDRIVING = [
  'dynamodb.GetItem redrive of another step',
  'dynamodb.UpdateItem redrive of another step',
  'kinesis.DescribeStreamSummary',
  'kinesis.ListShards',
  'kinesis.PutRecords',
  's3.DeleteObject dead letters',
  's3.GetObject dead letters',
  's3.ListObjectsV2 dead letters',
  's3.PutObject dead letters',
];
const PAUSED = ['dynamodb.GetItem held', 'dynamodb.UpdateItem held'];

function operatorAim(disturbance: Disturbance & { readonly step: string }, calls: readonly string[]): OperatorAim {
  const sites = calls.map((call) => `${disturbance.step} ${call}`);
  // In this order, neighbours are at different sites: one schedule aims at several neighbours.
  return { disturbance, cells: faultKinds.flatMap((kind) => sites.map((site) => ({ site, kind }))) };
}

const rewinds = (['latest', 'first', 'second'] as const).map((step) =>
  operatorAim({ what: 'rewind', step, to: 'earliest' }, REWINDING),
);
const pauses = ['first', 'second', 'history', 'latest', 'files'].map((step) =>
  operatorAim({ what: 'pause', step }, step === 'files' ? PAUSED.slice(0, 1) : PAUSED),
);

const redriving = faultKinds.flatMap((kind) => REDRIVING.map((call) => ({ site: `operator ${call}`, kind })));
const redrives = REFUSING.map(
  (step): OperatorAim => ({ disturbance: { what: 'redrive', step, fixed: true }, cells: redriving }),
);

/** The aims in turn: every other one is a rewind; pauses and redrives share the rest equally. */
export const operatorAims: readonly OperatorAim[] = pauses.flatMap((_, turn) =>
  rewinds.flatMap((rewind, index) => {
    const count = turn * rewinds.length + index;
    const others = count % 2 === 0 ? pauses : redrives;
    return [rewind, others[Math.floor(count / 2) % others.length] as OperatorAim];
  }),
);

/** Every cell of the matrix. The schedules have to meet each of them. */
export const allCells: readonly Cell[] = [
  ...cells,
  ...[...rewinds, ...pauses].flatMap((one) => one.cells),
  ...redriving,
];
export const allSites: readonly string[] = [...new Set(allCells.map(({ site }) => site))];
