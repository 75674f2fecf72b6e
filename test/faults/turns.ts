import { seededRandom } from '../infra/emulator/mapping/seeded-random.ts';
import type { FaultRule } from '../kit/faults.ts';
import type { Cell, Disturbance } from './cells.ts';
import type { AnyAction } from './perform-any.ts';

/** Chooses a whole number below another at random. */
export type Below = (count: number) => number;

/** What is done to a pipeline, as plain data. */
export interface Turns<Action> {
  readonly seed: number;
  readonly actions: readonly Action[];
  readonly faults: readonly FaultRule[];
  readonly chance: { readonly most: number; readonly probability: number };
}

/** What the schedules of a pipeline go through, seed by seed. */
interface GoneThrough {
  readonly cells: readonly Cell[];
  readonly disturbances: readonly Disturbance[];
  readonly lasting: readonly Disturbance[];
}

/**
 * Makes the schedule of a seed: some actions, and a disturbance among them. Consecutive seeds go through all cells and
 * disturbances; the rest is random, and so is what a caller chooses with `below` afterwards.
 */
export function turnsOf<Action>(
  seed: number,
  { cells, ...disturbing }: GoneThrough,
  actionsOf: (below: Below) => readonly Action[],
): { readonly turns: Turns<Action | AnyAction>; readonly below: Below } {
  const random = seededRandom(seed);
  const below: Below = (count) => Math.floor(random() * count);
  const actions: (Action | AnyAction)[] = [...actionsOf(below)];
  const disturbance = disturbanceOf(seed, disturbing);
  actions.splice(1 + below(actions.length - 1), 0, disturbance);
  if (disturbance.what === 'pause') actions.push({ what: 'resume', step: disturbance.step });
  const faults = aimedAt(cells, seed, below);
  return { turns: { seed, actions, faults, chance: { most: below(8), probability: 0.05 } }, below };
}

type Disturbing = Extract<AnyAction, Disturbance>;

/** Virtual hours take real time to play, so only every tenth schedule has a lasting disturbance. */
const LASTING_EVERY = 10;

/** Chooses the disturbance of a schedule: consecutive seeds go through all of them. */
export function disturbanceOf(
  seed: number,
  {
    disturbances,
    lasting,
  }: { readonly disturbances: readonly Disturbance[]; readonly lasting: readonly Disturbance[] },
): Disturbing {
  const lastingBefore = Math.ceil(seed / LASTING_EVERY);
  const isLasting = seed % LASTING_EVERY === 0;
  const all = isLasting ? lasting : disturbances;
  return all[(isLasting ? lastingBefore : seed - lastingBefore) % all.length] as Disturbing;
}

/** How many cells of the matrix one schedule aims at, and a prime with which the schedules reach all of them. */
const CELLS_A_SCHEDULE = 4;
const STRIDE = 7_919;

/** Aims a schedule at cells: consecutive seeds go through all of them, at first at the first call of each. */
export function aimedAt(cells: readonly Cell[], seed: number, below: Below): readonly FaultRule[] {
  return Array.from({ length: CELLS_A_SCHEDULE }, (_, index) => {
    const count = seed * CELLS_A_SCHEDULE + index;
    const { site, kind } = cells[(count * STRIDE) % cells.length] as Cell & { readonly kind: FaultRule['kind'] };
    return { site, kind, after: count < cells.length ? 0 : below(4), times: 1 + below(2) };
  });
}

/** Splits or merges one of the streams. */
export function someResharding(streams: readonly string[], below: Below): AnyAction {
  const how = below(2) === 0 ? 'split' : 'merge';
  return { what: 'reshard', stream: streams[below(streams.length)] as string, how };
}
