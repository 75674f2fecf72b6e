import type { ReceivedEvent } from '../../../functions/runtime/event.ts';
import { outputOf, type Position } from '../../../functions/runtime/position.ts';
import type { StepPlan } from '../../pipelines/plan.ts';

/** Which step made an event, and of what. */
export type Origin =
  | { readonly kind: 'transform'; readonly step: StepPlan; readonly from: MadeFrom }
  /** A table step's change: any number of events may have made it. */
  | { readonly kind: 'table'; readonly step: StepPlan }
  | { readonly kind: 'source'; readonly step: StepPlan }
  /** A dead letter that an operator put back. */
  | { readonly kind: 'redrive'; readonly step: StepPlan }
  /** Another producer. */
  | { readonly kind: 'elsewhere' };

/** Where the input of a transform's output is. */
export interface MadeFrom {
  /** Distinguishes the stream from an earlier one of the same name. */
  readonly incarnation: string;
  readonly shard: string;
  /** Just after the input. */
  readonly position: Position;
  /** The place of the event among the outputs of its input, from 0. */
  readonly index: number;
  /** The hash of the code and the options that made it, and of a rewind its number. */
  readonly generation: string;
}

/**
 * Reads an event's origin from its `source` and `sequence`. A transform names each output after its input, so nothing
 * has to be stored to find the way back.
 */
export function originOf(
  { source, sequence }: Pick<ReceivedEvent, 'source' | 'sequence'>,
  steps: readonly StepPlan[],
): Origin {
  const [empty, pipeline, name, ...rest] = source.split('/');
  const step =
    empty === ''
      ? steps.find((one) => one.pipeline === pipeline && (one.name === name || one.formerly === name))
      : undefined;
  if (step === undefined) return { kind: 'elsewhere' };
  if (rest[0] === 'redrive') return { kind: 'redrive', step };
  if (step.kind === 'source') return { kind: 'source', step };
  if (step.kind === 'table') return { kind: 'table', step };
  const [incarnation, shard, generation] = rest;
  const output = outputOf(sequence ?? '');
  if (incarnation === undefined || shard === undefined || generation === undefined || output === undefined)
    return { kind: 'elsewhere' };
  const { position, outputIndex: index } = output;
  return { kind: 'transform', step, from: { incarnation, shard, generation, position, index } };
}
