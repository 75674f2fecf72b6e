import { hours, minutes } from '../../../infra/pipelines/pipeline.ts';
import { seededRandom } from '../../infra/emulator/mapping/seeded-random.ts';
import { type FaultKind, type FaultRule, faultKinds } from '../../kit/faults.ts';
import type { AnyAction } from '../perform-any.ts';
import { DEADLY, type Item, STEPS } from './pipeline.ts';

type SinksAction =
  | AnyAction
  | { readonly what: 'rewind'; readonly step: 'kept' }
  | { readonly what: 'foreign'; readonly items: readonly Item[] };

/** Everything that is done to the sinks, as plain data. */
export interface SinksSchedule {
  readonly seed: number;
  readonly actions: readonly SinksAction[];
  readonly faults: readonly FaultRule[];
  readonly chance: { readonly most: number; readonly probability: number };
  /** True when an operator puts the dead letters of killed items back, once nothing kills any more. */
  readonly isRedriven: boolean;
}

/** The calls that faults aim at. */
const SITES = [
  'hook webhook.Post',
  'hook lambda.Invoke',
  'hook dynamodb.UpdateItem shard',
  'hook s3.PutObject',
  'kept dynamodb.PutItem items',
  'kept dynamodb.GetItem items',
  'kept dynamodb.UpdateItem items',
  'kept dynamodb.UpdateItem shard',
  'kept dynamodb.DescribeTable items',
  'kept lambda.Invoke',
];

const cells = SITES.flatMap((site) => faultKinds.map((kind) => ({ site, kind })));
const CELLS_A_SCHEDULE = 3;
const STRIDE = 7_919;

/** Makes the schedule of a seed. Consecutive seeds go through every kind of fault at every site; the rest is random. */
export function sinksScheduleOf(seed: number): SinksSchedule {
  const random = seededRandom(seed);
  const below = (count: number): number => Math.floor(random() * count);
  const actions = inputs(below).flatMap((input) => [input, ...between(below)]);
  const step = STEPS[Math.floor(seed / 3) % STEPS.length] as string;
  actions.splice(1 + below(actions.length - 1), 0, ...disturbanceOf(seed, step));
  return {
    seed,
    actions,
    faults: Array.from({ length: CELLS_A_SCHEDULE }, (_, index) => {
      const count = seed * CELLS_A_SCHEDULE + index;
      const { site, kind } = cells[(count * STRIDE) % cells.length] as { site: string; kind: FaultKind };
      return { site, kind, after: below(6), times: 1 + below(3) };
    }),
    chance: { most: below(8), probability: 0.05 },
    isRedriven: below(2) === 0,
  };
}

function between(below: (count: number) => number): readonly SinksAction[] {
  const actions: SinksAction[] = [];
  if (below(5) === 0) actions.push({ what: 'reshard', stream: 'raw', how: below(2) === 0 ? 'split' : 'merge' });
  if (below(3) > 0) actions.push({ what: 'pass', millis: below(4) === 0 ? below(minutes(2)) : below(1_200) });
  return actions;
}

/** Virtual hours take real time to play, so only every tenth schedule has an outage of one. */
function disturbanceOf(seed: number, step: string): readonly SinksAction[] {
  if (seed % 10 === 9)
    return [{ what: 'down', site: step === 'hook' ? 'hook webhook' : 'kept dynamodb', time: hours(1) }];
  switch (seed % 5) {
    case 4:
      return [{ what: 'rewind', step: 'kept' }];
    case 0:
      return [{ what: 'kill', step }];
    case 1:
      return [{ what: 'recut', step }];
    case 2:
      return [
        { what: 'pause', step },
        { what: 'pass', millis: minutes(1) },
        { what: 'resume', step },
      ];
    default:
      return [{ what: 'upgrade', step }];
  }
}

/** Makes about thirty items in small groups, and one at most that kills the functions. */
function inputs(below: (count: number) => number): readonly SinksAction[] {
  let next = below(1_000);
  const deadly = below(3) === 0 ? below(30) : undefined;
  const first = next;
  const item = (): Item => {
    const n = next++;
    const key = `key-${below(4)}`;
    const id = below(12) === 0 ? { id: 'another' } : {};
    return { n: n - first === deadly ? n + DEADLY : n, key, deleted: below(4) === 0, ...id };
  };
  return [1, 2, 3, 4, 5, 6, 7].map((turn) =>
    turn === 5
      ? { what: 'bytes', text: 'no event' }
      : { what: 'foreign', items: Array.from({ length: 2 + below(7) }, item) },
  );
}
