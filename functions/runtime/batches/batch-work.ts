import type { LoadedState } from '../checkpoints/shard-states.ts';
import type { StepState } from '../checkpoints/step-state.ts';
import type { OperatorAnswer } from '../operator-request.ts';
import type { Invocation, Step } from '../step.ts';
import type { Batch } from './batch.ts';
import type { Input, ShardInput } from './shard-input.ts';
import type { StepKind } from './step-kind.ts';

/**
 * A step, the stream that it reads, and how it processes one batch. Deliveries of a mapping, scheduled runs, rewinds
 * and replays all process the step's shards through this.
 */
export interface BatchWork {
  readonly kind: StepKind;
  readonly step: Step;
  readonly input: Input;
  /**
   * Makes one batch durable, then commits the position and the marks after it. Resolves to the committed state and to
   * what was sent. Throws `StaleCheckpoint` when another invocation has committed since the shard was loaded, and any
   * other error when the batch has to be delivered again.
   */
  process(batch: Batch, shard: ShardInput, turn: Turn): Promise<Done>;
  /**
   * Set for a step whose data may have to be made again. Works on that for a while, and resolves to true once nothing
   * of it is left: only then may a batch be processed.
   */
  readonly rebuilt?: ((invocation: Invocation, signal: AbortSignal) => Promise<boolean>) | undefined;
  /** Set beside `rebuilt`: continues the request of an operator to make the data again, and answers how far that is. */
  readonly again?: ((id: string, invocation: Invocation) => Promise<OperatorAnswer>) | undefined;
  /** Commits a state without processing events. Throws `StaleCheckpoint` when another invocation has committed. */
  move(shard: ShardInput, to: StepState, signal: AbortSignal): Promise<LoadedState>;
}

/** What one call of `process` gets beside the batch. */
export interface Turn {
  /** Aborts shortly before the invocation's time is over. */
  readonly signal: AbortSignal;
  /** Call this as soon as all code that looks at event data has run. A crash after that is not blamed on the events. */
  dataHandled(): Promise<void>;
}

/** The result of one processed batch, after its commit. */
export interface Done {
  /** The committed state. */
  readonly loaded: LoadedState;
  readonly eventsOut: number;
  readonly bytesOut: number;
  readonly rejected: number;
  /** Set when the step has taken a part of the batch: that part. */
  readonly part?: Batch | undefined;
  /** As `Published.dueMillis`. */
  readonly dueMillis?: number | undefined;
}
