import type { Target } from '../target.ts';

export interface CompareOptions {
  readonly target: Target;
  /** How many differences are named. */
  readonly limit: number;
  /** False: the log is not searched for the events of rows that do not name theirs. */
  readonly searches: boolean;
  readonly onProgress: (progress: CompareProgress) => void;
  readonly signal: AbortSignal;
}

/** What is being done, and how many rows or events of it are done. */
export interface CompareProgress {
  readonly doing: 'reading rows' | 'comparing' | 'reading unprocessed events' | 'searching events';
  readonly sink?: string;
  readonly done: number;
}
