import { hours, minutes } from '../../infra/pipelines/pipeline.ts';
import type { AnyAction } from '../faults/perform-any.ts';
import { seededRandom } from '../infra/emulator/mapping/seeded-random.ts';
import { type FaultKind, type FaultRule, faultKinds } from '../kit/faults.ts';
import { type Item, STEP } from './pipeline.ts';

export type LakeAction =
  | AnyAction
  | { readonly what: 'given'; readonly items: readonly Item[] }
  | { readonly what: 'compact' | 'expire' | 'orphans' };

/** Everything that is done to a table and its step, as plain data. */
export interface LakeSchedule {
  readonly seed: number;
  readonly actions: readonly LakeAction[];
  readonly faults: readonly FaultRule[];
  readonly chance: { readonly most: number; readonly probability: number };
  /** How often a compactor commits just before a commit of the step, of ten times. */
  readonly conflictsOfTen: number;
  /** What a person does to the table in the end, before more items come. */
  readonly person: 'nothing' | 'rolls back' | 'replaces';
}

/** The calls that faults aim at. */
const SITES = [
  'table iceberg.Commit',
  'table iceberg.Commit',
  'table iceberg.LoadTable',
  'table iceberg.CreateTable',
  'table iceberg.CreateNamespace',
  'table iceberg.Config',
  'table s3.PutObject lake',
  'table s3.GetObject lake',
  'table s3.PutObject dead letters',
  'table dynamodb.UpdateItem note',
  'table dynamodb.GetItem note',
  'table dynamodb.UpdateItem intent',
  'table dynamodb.UpdateItem shard',
  'table lambda.Invoke',
];

const cells = SITES.flatMap((site) => faultKinds.map((kind) => ({ site, kind })));
const CELLS_A_SCHEDULE = 3;
const STRIDE = 7_919;

/** Makes the schedule of a seed. Consecutive seeds go through every kind of fault at every site; the rest is random. */
export function lakeScheduleOf(seed: number): LakeSchedule {
  const random = seededRandom(seed);
  const below = (count: number): number => Math.floor(random() * count);
  const actions = inputs(below).flatMap((input) => [input, ...between(below)]);
  actions.splice(1 + below(actions.length - 1), 0, ...disturbanceOf(seed));
  return {
    seed,
    actions,
    faults: Array.from({ length: CELLS_A_SCHEDULE }, (_, index) => {
      const count = seed * CELLS_A_SCHEDULE + index;
      const { site, kind } = cells[(count * STRIDE) % cells.length] as { site: string; kind: FaultKind };
      return { site, kind, after: below(4), times: 1 + below(2) };
    }),
    chance: { most: below(6), probability: 0.05 },
    conflictsOfTen: below(2) === 0 ? 0 : below(6),
    person: seed % 4 === 3 ? (below(3) === 0 ? 'replaces' : 'rolls back') : 'nothing',
  };
}

function inputs(below: (count: number) => number): readonly LakeAction[] {
  let next = 1;
  return [1, 2, 3, 4, 5].map((turn) =>
    turn === 4
      ? { what: 'bytes', text: 'no event' }
      : {
          what: 'given',
          items: Array.from({ length: 2 + below(8) }, () => ({
            n: next++,
            ...(below(3) === 0 ? { note: 'noted' } : {}),
          })),
        },
  );
}

function between(below: (count: number) => number): readonly LakeAction[] {
  const actions: LakeAction[] = [];
  if (below(5) === 0) actions.push({ what: 'reshard', stream: 'raw', how: below(2) === 0 ? 'split' : 'merge' });
  actions.push({ what: 'pass', millis: below(minutes(7)) });
  if (below(4) === 0) actions.push({ what: 'compact' });
  if (below(5) === 0) actions.push({ what: 'expire' });
  // Now and then, hours go by.
  if (below(12) === 0) actions.push({ what: 'pass', millis: hours(2) }, { what: 'orphans' });
  return actions;
}

function disturbanceOf(seed: number): readonly LakeAction[] {
  switch (seed % 5) {
    case 0:
      return [{ what: 'kill', step: STEP }];
    case 1:
      return [
        { what: 'pause', step: STEP },
        { what: 'pass', millis: minutes(2) },
        { what: 'resume', step: STEP },
      ];
    case 2:
      return [{ what: 'down', site: `${STEP} iceberg`, time: minutes(10) }];
    default:
      return [{ what: 'upgrade', step: STEP }];
  }
}
