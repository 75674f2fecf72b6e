import type { LoadedState } from '../checkpoints/shard-states.ts';
import type { StepState } from '../checkpoints/step-state.ts';
import type { Step } from '../step.ts';
import type { Batch } from './batch.ts';
import type { Input, ShardInput } from './shard-input.ts';

/** A step that reads its shards itself: while they are rewound, or for a replay. */
export interface BatchWork {
  readonly step: Step;
  readonly input: Input;
  readonly work: Work;
  /** Commits a state without any event. Throws `StaleCheckpoint` when another invocation has moved it. */
  move(shard: ShardInput, to: StepState, signal: AbortSignal): Promise<LoadedState>;
  /** Whether what the work sends may be in the world without the position having moved. */
  readonly finishes: boolean;
  /** Whether each slice's range is fixed before it is written, because a rerun has to write the same. */
  readonly fixes: boolean;
  /** Whether a mapping reads on where the rewind ends. A scheduled step goes on by itself. */
  readonly mapped: boolean;
}

/**
 * What a continuous step does with one batch: makes it durable, commits, and answers with the committed state and what
 * it sent.
 */
export type Work = (batch: Batch, shard: ShardInput, turn: Turn) => Promise<Done>;

export interface Turn {
  readonly signal: AbortSignal;
  /**
   * To be said when nothing that the events hold can kill the process any more, if the work comes to such a point
   * before it commits.
   */
  dataHandled(): Promise<void>;
}

export interface Done {
  readonly loaded: LoadedState;
  readonly eventsOut: number;
  readonly bytesOut: number;
  readonly rejected: number;
}
