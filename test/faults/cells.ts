import { type Duration, hours } from '../../infra/pipelines/pipeline.ts';
import { type FaultKind, faultKinds } from '../kit/faults.ts';
import type { Resharding } from '../kit/resharding.ts';
import { REFUSING, type Refusing, type StreamName } from './chain.ts';
import { sites } from './sites.ts';

/** What can go wrong at a call site: one field of the matrix. */
export interface Cell {
  readonly site: string;
  readonly kind: CellKind;
  /** What is split or merged while the call is under way. */
  readonly stream?: StreamName;
}

export type CellKind = FaultKind | Resharding;
export const cellKinds: readonly CellKind[] = [...faultKinds, 'split', 'merge'];

/** The calls that a resharding of the stream may come across: its writers', and its readers'. */
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

/** Every cell that each schedule may be aimed at. */
export const cells: readonly Cell[] = [
  ...sites.flatMap((site) => faultKinds.map((kind) => ({ site, kind }))),
  ...Object.entries(reshardedDuring).flatMap(([site, stream]) =>
    (['split', 'merge'] as const).map((kind) => ({ site, kind, stream })),
  ),
];

/**
 * Calls that a step makes only when an operator asks something of it: aimed at in schedules of their own, with that.
 */
export interface Asked {
  readonly disturbance: Disturbance;
  readonly cells: readonly Cell[];
}

/** What happens to a step as a whole. */
export type Disturbance =
  | { readonly what: 'kill'; readonly step: string }
  | { readonly what: 'recut'; readonly step: string }
  | { readonly what: 'down'; readonly site: string; readonly time: Duration }
  | { readonly what: 'pause'; readonly step: string }
  /** Of changed code; in a pause, or in the middle of an append, the one after so many. */
  | {
      readonly what: 'deploy';
      readonly step: 'first' | 'second';
      readonly when: 'paused' | 'at work';
      readonly after: number;
    }
  | Killer
  | Redrive
  | { readonly what: 'rewind'; readonly step: 'latest' | 'first' | 'second'; readonly to: 'earliest' | 'middle' };

/** An event comes that the step's function does not survive: in a record of its own, or with others. */
export interface Killer {
  readonly what: 'killer';
  readonly step: Refusing;
  readonly among: 'nothing else' | 'others';
}

/**
 * An operator redrives dead letters. `mended`: after what refused them has been mended; otherwise they are refused
 * again.
 */
export interface Redrive {
  readonly what: 'redrive';
  readonly step: Refusing;
  readonly mended: boolean;
}

const STEPS = ['posts', 'files', 'first', 'second', 'history', 'latest', 'ledger', 'lake'];
const CONTINUOUS = ['first', 'second', 'history', 'latest'];

/** Every one of them has to be met. */
export const disturbances: readonly Disturbance[] = [
  ...STEPS.map((step) => ({ what: 'kill', step }) as const),
  ...CONTINUOUS.map((step) => ({ what: 'recut', step }) as const),
  ...STEPS.map((step) => ({ what: 'pause', step }) as const),
  ...REFUSING.filter((step) => step !== 'ledger').flatMap(killersOf),
  ...(['first', 'second'] as const).flatMap((step) =>
    (['paused', 'at work'] as const).map((when) => ({ what: 'deploy', step, when, after: 0 }) as const),
  ),
  ...REFUSING.flatMap(redrivesOf),
  ...(['latest', 'first', 'second'] as const).flatMap((step) =>
    (['earliest', 'middle'] as const).map((to) => ({ what: 'rewind', step, to }) as const),
  ),
];

function killersOf(step: Refusing): readonly Killer[] {
  return (['nothing else', 'others'] as const).map((among) => ({ what: 'killer', step, among }));
}

function redrivesOf(step: Refusing): readonly Redrive[] {
  return [true, false].map((mended) => ({ what: 'redrive', step, mended }));
}

/**
 * And every one of these, which take hours: a run of a scheduled step that dies keeps its lease for a quarter of an
 * hour.
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
  ...killersOf('ledger'),
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
/** The calls of an operator's command that redrives. */
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
const HELD = ['dynamodb.GetItem held', 'dynamodb.UpdateItem held'];

function askedOf(disturbance: Disturbance & { readonly step: string }, calls: readonly string[]): Asked {
  const asked = calls.map((call) => `${disturbance.step} ${call}`);
  // Those of one schedule are at different sites.
  return { disturbance, cells: faultKinds.flatMap((kind) => asked.map((site) => ({ site, kind }))) };
}

const rewinds = (['latest', 'first', 'second'] as const).map((step) =>
  askedOf({ what: 'rewind', step, to: 'earliest' }, REWINDING),
);
const pauses = ['first', 'second', 'history', 'latest', 'files'].map((step) =>
  askedOf({ what: 'pause', step }, step === 'files' ? HELD.slice(0, 1) : HELD),
);

const redriving = faultKinds.flatMap((kind) => REDRIVING.map((call) => ({ site: `operator ${call}`, kind })));
const redrives = REFUSING.map(
  (step): Asked => ({ disturbance: { what: 'redrive', step, mended: true }, cells: redriving }),
);

/** In turn: of the second kind as often of one as of the other. */
export const asked: readonly Asked[] = pauses.flatMap((_, turn) =>
  rewinds.flatMap((rewind, index) => {
    const place = turn * rewinds.length + index;
    const others = place % 2 === 0 ? pauses : redrives;
    return [rewind, others[Math.floor(place / 2) % others.length] as Asked];
  }),
);

/** Every cell that has to be met. */
export const allCells: readonly Cell[] = [
  ...cells,
  ...[...rewinds, ...pauses].flatMap((one) => one.cells),
  ...redriving,
];
export const allSites: readonly string[] = [...new Set(allCells.map(({ site }) => site))];
