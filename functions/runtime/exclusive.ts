/**
 * What a process does beside each other, of several shards. Nobody knows which of it a process has died of: what is
 * suspected of having killed one is therefore tried alone, or the suspects of one shard would be blamed for those of
 * another.
 */
export interface ProcessLock {
  /** Begins when nobody is alone any more. */
  shared<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Begins when all that was asked for before has ended; what is asked for after it waits. */
  exclusive<Result>(work: () => Promise<Result>): Promise<Result>;
}

export function openProcessLock(): ProcessLock {
  let lastExclusive: Promise<unknown> = Promise.resolve();
  const others = new Set<Promise<unknown>>();
  return {
    shared(work) {
      const working = lastExclusive.then(work);
      const ended = working.then(nothing, nothing).finally(() => others.delete(ended));
      others.add(ended);
      return working;
    },
    exclusive(work) {
      const working = Promise.all([lastExclusive, ...others]).then(work);
      lastExclusive = working.then(nothing, nothing);
      return working;
    },
  };
}

function nothing(): void {}
