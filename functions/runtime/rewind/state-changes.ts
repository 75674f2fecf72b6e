import { laterOf, type Rewind } from '../checkpoints/rewind-state.ts';
import type { StepState } from '../checkpoints/step-state.ts';

/** How a state changes that goes back to the start of its shard, where its parents' marks are. */
export function backToStart({ position, rewinds }: StepState, rewind: Rewind): Partial<StepState> {
  const goesBack = position !== undefined;
  return {
    position: undefined,
    marks: [],
    foreign: undefined,
    ended: undefined,
    // Nothing was sent of what was never read. What may be in flight of it has the names that it will get.
    ...(goesBack && rewinds !== undefined ? { generation: rewinds } : {}),
    rewind: { ...passing(rewind, position), fresh: true },
  };
}

/** One that goes on from where it is, with the marks that it has, and the names under which it sends. */
export function onFromHere({ position }: StepState, rewind: Rewind): Partial<StepState> {
  return { ended: undefined, rewind: passing(rewind, position) };
}

/** One that goes on from the earliest record that is left, because that of its position is not. */
export function onFromEarliest({ position }: StepState, rewind: Rewind): Partial<StepState> {
  return { position: undefined, ended: undefined, rewind: passing(rewind, position) };
}

/** One that goes back, when it has sent what may be in flight. */
export function settleFirst({ fresh: _, ...rewind }: Rewind): Partial<StepState> {
  return { ended: undefined, rewind: { ...rewind, phase: 'settling' } };
}

function passing(rewind: Rewind, position: StepState['position']): Rewind {
  const until = laterOf(rewind.until, position);
  return { ...rewind, phase: 'passing', ...(until === undefined ? {} : { until }) };
}
