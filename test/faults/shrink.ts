import { play } from './play.ts';
import type { Schedule } from './schedule.ts';

/** How often a schedule is played to make it smaller, at most. */
const MOST_PLAYS = 250;

/**
 * A smaller schedule that fails too: without what does not matter to it. What failed by chance is kept as rules first,
 * so that nothing of it moves when something else is left out.
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

function sizeOf({ happenings, faults, reshardings }: Schedule): number {
  const items = happenings.reduce((sum, one) => sum + ('items' in one ? one.items.length : 0), 0);
  return happenings.length + items + faults.length + reshardings.length;
}

/** Large steps first. */
function* smallerOnes(schedule: Schedule): Iterable<Schedule> {
  for (const faults of withLess(schedule.faults)) yield { ...schedule, faults };
  for (const reshardings of withLess(schedule.reshardings)) yield { ...schedule, reshardings };
  for (const happenings of withLess(schedule.happenings)) yield { ...schedule, happenings };
  for (const [index, happening] of schedule.happenings.entries()) {
    if (!('items' in happening)) continue;
    for (const items of withLess(happening.items))
      yield { ...schedule, happenings: schedule.happenings.with(index, { ...happening, items }) };
  }
}

function* withLess<One>(list: readonly One[]): Iterable<readonly One[]> {
  for (let size = list.length; size >= 1; size = Math.floor(size / 2))
    for (let start = 0; start < list.length; start += size) yield list.toSpliced(start, size);
}
