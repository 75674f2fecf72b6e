/** One sleeper's wake-up. `heapIndex` is −1 when the wake-up is no longer in the heap. */
export interface WakeUp {
  readonly dueMillis: number;
  readonly order: number;
  readonly wake: () => void;
  heapIndex: number;
}

export interface WakeUps {
  add(dueMillis: number, wake: () => void): WakeUp;
  remove(wakeUp: WakeUp): void;
  nextMillis(): number | undefined;
  /**
   * Removes all wake-ups that are due by then: the earliest first, those of one moment in the order they were added.
   */
  take(untilMillis: number): (() => void)[];
}

/**
 * Makes the wake-ups of a clock: a binary heap, so that many thousand sleepers cost little. A sleeper that is aborted
 * is removed.
 */
export function wakeUps(): WakeUps {
  const heap: WakeUp[] = [];
  let added = 0;

  function put(wakeUp: WakeUp, index: number): void {
    heap[index] = wakeUp;
    wakeUp.heapIndex = index;
  }

  function rise(wakeUp: WakeUp, from: number): void {
    let index = from;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex];
      if (parent === undefined || isBefore(parent, wakeUp)) break;
      put(parent, index);
      index = parentIndex;
    }
    put(wakeUp, index);
  }

  function sink(wakeUp: WakeUp, from: number): void {
    let index = from;
    for (;;) {
      const left = heap[2 * index + 1];
      const right = heap[2 * index + 2];
      const child = right !== undefined && left !== undefined && isBefore(right, left) ? right : left;
      if (child === undefined || isBefore(wakeUp, child)) break;
      const childIndex = child.heapIndex;
      put(child, index);
      index = childIndex;
    }
    put(wakeUp, index);
  }

  function remove(wakeUp: WakeUp): void {
    const { heapIndex } = wakeUp;
    if (heapIndex < 0) return;
    wakeUp.heapIndex = -1;
    const last = heap.pop();
    if (last === undefined || last === wakeUp) return;
    sink(last, heapIndex);
    rise(last, last.heapIndex);
  }

  return {
    add(dueMillis, wake) {
      const wakeUp = { dueMillis, order: added++, wake, heapIndex: heap.length };
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
