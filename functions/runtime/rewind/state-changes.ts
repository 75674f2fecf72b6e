import { laterOf, type Rewind } from '../checkpoints/rewind-state.ts';
import type { StepState } from '../checkpoints/step-state.ts';

/** Moves a state back to the start of its shard, where it will begin with its parents' marks. */
export function backToStart({ position, rewinds }: StepState, rewind: Rewind): Partial<StepState> {
  const goesBack = position !== undefined;
  return {
    position: undefined,
    marks: [],
    runs: undefined,
    foreign: undefined,
    ended: undefined,
    // A shard without a position keeps its generation. At most its first batch is in flight, and the same outputs will
    // get the same names again.
    ...(goesBack && rewinds !== undefined ? { generation: rewinds } : {}),
    rewind: { ...passing(rewind, position), fresh: true },
  };
}

/** Lets a state continue from its position to a later target, with its marks and its generation. */
export function onFromHere({ position }: StepState, rewind: Rewind): Partial<StepState> {
  return { ended: undefined, rewind: passing(rewind, position) };
}

/** Lets a state continue from the earliest record of the log, because the record of its position is trimmed away. */
export function onFromEarliest({ position }: StepState, rewind: Rewind): Partial<StepState> {
  return { position: undefined, ended: undefined, rewind: passing(rewind, position) };
}

/** Makes a state settle before it goes back: what may be in flight is sent once more. */
export function settleFirst({ fresh: _, ...rewind }: Rewind): Partial<StepState> {
  return { ended: undefined, rewind: { ...rewind, phase: 'settling' } };
}

function passing(rewind: Rewind, position: StepState['position']): Rewind {
  const until = laterOf(rewind.until, position);
  return { ...rewind, phase: 'passing', ...(until === undefined ? {} : { until }) };
}
