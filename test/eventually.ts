import { vi } from 'vitest';

/**
 * Repeats a check until it passes, however slow the machine is. A check that never passes fails shortly before vitest's
 * own limit of ten minutes, so the report shows the check's last error.
 */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: 570_000, interval: 20 });
}

/** Returns a signal for calls that take a deadline, in tests that are not about the deadline: it never aborts. */
export function noDeadline(): AbortSignal {
  return new AbortController().signal;
}
