import type { FaultRule } from '../kit/faults.ts';
import type { Cell, Disturbance } from './cells.ts';
import type { AnyAction } from './perform-any.ts';

/** Chooses a whole number below another at random. */
export type Below = (count: number) => number;

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
