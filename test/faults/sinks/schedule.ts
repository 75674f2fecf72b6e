import { minutes } from '../../../infra/pipelines/pipeline.ts';
import { seededRandom } from '../../infra/emulator/mapping/seeded-random.ts';
import type { FaultRule } from '../../kit/faults.ts';
import type { AnyAction } from '../perform-any.ts';
import { aimedAt, type Below, disturbanceOf, someResharding } from '../turns.ts';
import { cells, disturbances, lasting } from './matrix.ts';
import { BY_VERSION, DEADLY, type Item, STEPS } from './pipeline.ts';

export interface RewindAction {
  readonly what: 'rewind';
  readonly step: (typeof BY_VERSION)[number];
  /** How often the step was moved back before, and died before it had caught up. */
  readonly deaths: number;
}

type SinksAction = AnyAction | RewindAction | { readonly what: 'foreign'; readonly items: readonly Item[] };

/** Everything that is done to the sinks, as plain data. */
export interface SinksSchedule {
  readonly seed: number;
  readonly actions: readonly SinksAction[];
  readonly faults: readonly FaultRule[];
  readonly chance: { readonly most: number; readonly probability: number };
  /** True when an operator puts the dead letters of killed items back, once nothing kills any more. */
  readonly isRedriven: boolean;
}

/** Makes the schedule of a seed. Consecutive seeds go through every kind of fault at every site; the rest is random. */
export function sinksScheduleOf(seed: number): SinksSchedule {
  const random = seededRandom(seed);
  const below: Below = (count) => Math.floor(random() * count);
  const inputsAndMore = inputs(below).flatMap((input) => [input, ...between(below)]);
  return {
    seed,
    actions: disturbed(inputsAndMore, seed, below),
    faults: aimedAt(cells, seed, below),
    chance: { most: below(8), probability: 0.05 },
    isRedriven: below(2) === 0,
  };
}

function between(below: Below): readonly SinksAction[] {
  const actions: SinksAction[] = [];
  if (below(5) === 0) actions.push(someResharding(['raw'], below));
  if (below(3) > 0) actions.push({ what: 'pass', millis: below(4) === 0 ? below(minutes(2)) : below(1_200) });
  return actions;
}

/** Every fourth schedule moves a step back or deploys changed code; the others have the disturbances in turn. */
function disturbed(inputsAndMore: readonly SinksAction[], seed: number, below: Below): readonly SinksAction[] {
  const turn = Math.floor(seed / 4);
  if (seed % 4 === 3 && turn % 3 < 2) return movedBack(inputsAndMore, turn, below);
  const disturbance: readonly SinksAction[] =
    seed % 4 === 3
      ? [{ what: 'upgrade', step: STEPS[turn % STEPS.length] as string }]
      : lived(disturbanceOf(seed - turn, { disturbances, lasting }));
  return inputsAndMore.toSpliced(1 + below(inputsAndMore.length - 1), 0, ...disturbance);
}

/** The children of a shard have items of their own, and then the step moves back to where their parent has items. */
function movedBack(inputsAndMore: readonly SinksAction[], turn: number, below: Below): readonly SinksAction[] {
  const step = BY_VERSION[turn % BY_VERSION.length] as (typeof BY_VERSION)[number];
  const [first, ...others] = inputsAndMore as readonly [SinksAction, ...SinksAction[]];
  const last = others.findLastIndex(({ what }) => what === 'foreign');
  return [
    first,
    { what: 'pass', millis: minutes(1) },
    { what: 'reshard', stream: 'raw', how: 'split' },
    ...others.slice(0, last),
    { what: 'pass', millis: minutes(1) },
    { what: 'rewind', step, deaths: below(4) },
    ...others.slice(last),
  ];
}

function lived(disturbance: ReturnType<typeof disturbanceOf>): readonly SinksAction[] {
  if (disturbance.what !== 'pause') return [disturbance];
  return [disturbance, { what: 'pass', millis: minutes(1) }, { what: 'resume', step: disturbance.step }];
}

/** Makes about thirty items in small groups, and one at most that kills the functions. */
function inputs(below: Below): readonly SinksAction[] {
  let next = below(1_000);
  const deadly = below(3) === 0 ? below(30) : undefined;
  const first = next;
  const item = (): Item => {
    const n = next++;
    const key = `key-${below(4)}`;
    const id = below(12) === 0 ? { id: 'another' } : {};
    const size = below(12) === 0 ? ({ size: 'large' } as const) : {};
    return { n: n - first === deadly ? n + DEADLY : n, key, deleted: below(4) === 0, ...id, ...size };
  };
  return [1, 2, 3, 4, 5, 6, 7].map((turn) =>
    turn === 5
      ? { what: 'bytes', text: 'no event' }
      : { what: 'foreign', items: Array.from({ length: 2 + below(7) }, item) },
  );
}
