import { play } from './play.ts';
import type { Schedule } from './schedule.ts';

/** How many schedules are played at most to shrink one. */
const MOST_PLAYS = 250;

/**
 * Finds a smaller schedule that fails too. Random faults are turned into rules first, so that they stay at their calls
 * when something else is left out.
 */
export async function shrunk(failing: Schedule): Promise<Schedule> {
  let plays = 0;
  const fails = async (schedule: Schedule): Promise<boolean> => {
    plays++;
    return (await play(schedule)).violations.length > 0;
  };
  const pinned = await withoutChance(failing);
  let smallest = (await fails(pinned)) ? pinned : failing;
  for (let before = Number.POSITIVE_INFINITY; sizeOf(smallest) < before && plays < MOST_PLAYS; ) {
    before = sizeOf(smallest);
    for (const smaller of smallerOnes(smallest)) {
      if (plays >= MOST_PLAYS) break;
      if (sizeOf(smaller) < sizeOf(smallest) && (await fails(smaller))) {
        smallest = smaller;
        break;
      }
    }
  }
  return smallest;
}

async function withoutChance(schedule: Schedule): Promise<Schedule> {
  const { run } = await play(schedule);
  const faults = run.faults().map(({ site, kind, call }) => ({ site, kind, after: call - 1 }));
  return { ...schedule, faults, chance: { most: 0, probability: 0 } };
}

function sizeOf({ actions, faults, reshardings }: Schedule): number {
  const items = actions.reduce((sum, one) => sum + ('items' in one ? one.items.length : 0), 0);
  return actions.length + items + faults.length + reshardings.length;
}

/** Yields schedules with less in them, those with the largest cuts first. */
function* smallerOnes(schedule: Schedule): Iterable<Schedule> {
  for (const faults of withLess(schedule.faults)) yield { ...schedule, faults };
  for (const reshardings of withLess(schedule.reshardings)) yield { ...schedule, reshardings };
  for (const actions of withLess(schedule.actions)) yield { ...schedule, actions };
  for (const [index, action] of schedule.actions.entries()) {
    if (!('items' in action)) continue;
    for (const items of withLess(action.items))
      yield { ...schedule, actions: schedule.actions.with(index, { ...action, items }) };
  }
}

function* withLess<One>(list: readonly One[]): Iterable<readonly One[]> {
  for (let size = list.length; size >= 1; size = Math.floor(size / 2))
    for (let start = 0; start < list.length; start += size) yield list.toSpliced(start, size);
}
