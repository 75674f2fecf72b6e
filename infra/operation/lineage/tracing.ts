import type { PipelineFinder } from '../find-step.ts';
import type { Target } from '../target.ts';
import type { TracedEvent } from './traced-event.ts';

/** What it takes to follow an event. */
export interface Tracing {
  readonly find: Pick<PipelineFinder, 'plans' | 'transforms' | 'tables'>;
  readonly target: Target;
  readonly signal: AbortSignal;
  /**
   * Reads the whole input of each table on the way, to find what a change was made of. Without it, tables end the way.
   */
  readonly throughTables: boolean;
}

/** The events that a row, or a change of a row, is made of. */
export interface MadeOf {
  readonly count: number;
  /** The last of them, the newest at the end. None: nobody knows them. */
  readonly events: readonly TracedEvent[];
}
