/** Where a sink writes by version. */
export interface Destination<Found> {
  /** Makes sure that the destination is there and the step's. Resolves to what the sink has to know of it. */
  open(signal: AbortSignal): Promise<Found>;
  /** Looks at the destination again. Throws when it no longer fits. */
  look(signal: AbortSignal): Promise<Found>;
  /** Returns the error that says how the destination has changed. */
  changed(known: Found, now: Found): Error;
}

/** A destination in one process. */
export interface OpenedDestination<Found> {
  /** Opens the destination once. After a failure the next call opens it again. */
  opened(signal: AbortSignal): Promise<Found>;
  /**
   * Looks whether the destination is still what it was opened as. Call this when it refuses an event: somebody may have
   * made it anew, and then the event is not at fault. Throws when it has changed.
   */
  recheck(signal: AbortSignal): Promise<void>;
  /** Forgets that it is open. Call this after a failed write: somebody may have removed the destination. */
  forget(): void;
}

export function openedOnce<Found>({ open, look, changed }: Destination<Found>): OpenedDestination<Found> {
  let opening: Promise<Found> | undefined;
  const forget = (): void => {
    opening = undefined;
  };
  const opened = (signal: AbortSignal): Promise<Found> => {
    opening ??= open(signal).catch((error: unknown) => {
      forget();
      throw error;
    });
    return opening;
  };
  return {
    opened,
    forget,
    async recheck(signal) {
      const [known, now] = [await opened(signal), await look(signal)];
      if (known === now) return;
      forget();
      throw changed(known, now);
    },
  };
}
