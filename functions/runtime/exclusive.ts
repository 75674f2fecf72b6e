/**
 * What a process does beside each other, of several shards. Nobody knows which of it a process has died of: what is suspected of having
 * killed one is therefore tried alone, or the suspects of one shard would be blamed for those of another.
 */
export interface Company {
  /** Begins when nobody is alone any more. */
  beside<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Begins when all that was asked for before has ended; what is asked for after it waits. */
  alone<Result>(work: () => Promise<Result>): Promise<Result>;
}

export function openCompany(): Company {
  let lastAlone: Promise<unknown> = Promise.resolve();
  const others = new Set<Promise<unknown>>();
  return {
    beside(work) {
      const working = lastAlone.then(work);
      const ended = working.then(nothing, nothing).finally(() => others.delete(ended));
      others.add(ended);
      return working;
    },
    alone(work) {
      const working = Promise.all([lastAlone, ...others]).then(work);
      lastAlone = working.then(nothing, nothing);
      return working;
    },
  };
}

function nothing(): void {}
