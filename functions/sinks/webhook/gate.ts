import type { Sleep } from '../../runtime/log/back-off.ts';

/** Decides when a request may begin. */
export interface Gate {
  /** Resolves when a request may begin. Rejects when the signal aborts. */
  pass(signal: AbortSignal): Promise<void>;
  /** Lets no request begin for so long: a receiver that asks for a pause means all requests. */
  closeFor(millis: number): void;
}

/** Opens a gate for so many requests a second. Without a number, a request may begin at once. */
export function openGate(
  perSecond: number | undefined,
  { now, sleep }: { readonly now: () => number; readonly sleep: Sleep },
): Gate {
  const interval = perSecond === undefined ? 0 : 1_000 / perSecond;
  let opensAt = 0;
  return {
    async pass(signal) {
      for (let wait = opensAt - now(); wait > 0; wait = opensAt - now()) await sleep(Math.ceil(wait), signal);
      signal.throwIfAborted();
      opensAt = Math.max(opensAt, now()) + interval;
    },
    closeFor(millis) {
      opensAt = Math.max(opensAt, now() + millis);
    },
  };
}
