/**
 * A lock within one process, which works on several shards at once. When the process dies, nobody can tell which of the
 * shards killed it. So work on a range that may contain a poison record runs exclusively: otherwise one shard's range
 * would be blamed for a death that another shard's caused.
 */
export interface ProcessLock {
  /** Runs work beside other shared work. It begins once all exclusive work that was requested earlier has ended. */
  shared<Result>(work: () => Promise<Result>): Promise<Result>;
  /**
   * Runs work alone. It begins once all work that was requested earlier has ended, and work that is requested later
   * waits for it.
   */
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
