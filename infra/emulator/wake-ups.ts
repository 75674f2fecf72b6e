/** Somebody who is to be woken; `place` is the index in the heap, −1 when there no longer. */
export interface WakeUp {
  readonly dueMillis: number;
  readonly order: number;
  readonly wake: () => void;
  place: number;
}

export interface WakeUps {
  add(dueMillis: number, wake: () => void): WakeUp;
  remove(wakeUp: WakeUp): void;
  nextMillis(): number | undefined;
  /** Takes out all that are due by then, the earliest first, those of one moment in the order they came. */
  take(untilMillis: number): (() => void)[];
}

/**
 * The wake-ups of a clock: a binary heap, so that many thousand sleepers cost little, with removal for those that give
 * up.
 */
export function wakeUps(): WakeUps {
  const heap: WakeUp[] = [];
  let added = 0;

  function put(wakeUp: WakeUp, place: number): void {
    heap[place] = wakeUp;
    wakeUp.place = place;
  }

  function rise(wakeUp: WakeUp, from: number): void {
    let place = from;
    while (place > 0) {
      const parentPlace = (place - 1) >> 1;
      const parent = heap[parentPlace];
      if (parent === undefined || isBefore(parent, wakeUp)) break;
      put(parent, place);
      place = parentPlace;
    }
    put(wakeUp, place);
  }

  function sink(wakeUp: WakeUp, from: number): void {
    let place = from;
    for (;;) {
      const left = heap[2 * place + 1];
      const right = heap[2 * place + 2];
      const child = right !== undefined && left !== undefined && isBefore(right, left) ? right : left;
      if (child === undefined || isBefore(wakeUp, child)) break;
      const childPlace = child.place;
      put(child, place);
      place = childPlace;
    }
    put(wakeUp, place);
  }

  function remove(wakeUp: WakeUp): void {
    const { place } = wakeUp;
    if (place < 0) return;
    wakeUp.place = -1;
    const last = heap.pop();
    if (last === undefined || last === wakeUp) return;
    sink(last, place);
    rise(last, last.place);
  }

  return {
    add(dueMillis, wake) {
      const wakeUp = { dueMillis, order: added++, wake, place: heap.length };
      rise(wakeUp, heap.length);
      return wakeUp;
    },
    remove,
    nextMillis: () => heap[0]?.dueMillis,
    take(untilMillis) {
      const taken: (() => void)[] = [];
      for (let next = heap[0]; next !== undefined && next.dueMillis <= untilMillis; next = heap[0]) {
        remove(next);
        taken.push(next.wake);
      }
      return taken;
    },
  };
}

function isBefore(a: WakeUp, b: WakeUp): boolean {
  return a.dueMillis < b.dueMillis || (a.dueMillis === b.dueMillis && a.order < b.order);
}
