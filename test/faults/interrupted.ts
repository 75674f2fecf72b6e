export interface Interrupted extends Disposable {
  /** Aborts at the first Ctrl-C. */
  readonly signal: AbortSignal;
}

/**
 * The first Ctrl-C asks for the end, and for what there is so far; another one does not wait for that. npm passes on
 * what the terminal has sent already: two at once are one.
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
