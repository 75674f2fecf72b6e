export interface Interrupted extends Disposable {
  /** Aborts at the first Ctrl-C. */
  readonly signal: AbortSignal;
}

/**
 * Listens for Ctrl-C. The first one ends the run and prints the results so far; a later one exits at once. Two within
 * half a second count as one, because npm passes on the signal that the terminal has already sent.
 */
export function listenForInterrupt(): Interrupted {
  const controller = new AbortController();
  let firstMillis: number | undefined;
  const interrupt = (): void => {
    if (firstMillis !== undefined && performance.now() - firstMillis > AT_ONCE_MILLIS) process.exit(130);
    firstMillis ??= performance.now();
    controller.abort(new Error('interrupted'));
  };
  process.on('SIGINT', interrupt);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => void process.removeListener('SIGINT', interrupt),
  };
}

const AT_ONCE_MILLIS = 500;
