import type { DeadLetter } from '../../../functions/runtime/dead-letters/dead-letters.ts';
import { redriveSource } from '../../../functions/runtime/dead-letters/redriven.ts';
import type { OutgoingEvent } from '../../../functions/runtime/event.ts';
import type { Position } from '../../../functions/runtime/position.ts';
import { sequenceNumberOf } from '../../../functions/runtime/position.ts';
import { decodeRecord } from '../../../functions/runtime/record-codec/decode.ts';
import type { StepPlan } from '../../pipelines/plan.ts';
import { originalBytes } from './dead-letters.ts';

/** Why a step's dead letters cannot be put back, and what to do instead. Undefined: they can. */
export function whyNoneOf(step: StepPlan): string | undefined {
  if (step.kind !== 'source') return undefined;
  const what = {
    request: 'it has none: who sent what it refused was told so',
    queue:
      'what it refused never was an event. Mend the file and drop it again, under a name of its own with only the rows that are missing; then discard the dead letters',
  };
  return `dead letters of '${step.pipeline}/${step.name}' cannot be redriven, for it is a source: ${what[step.delivery]}`;
}

/** Why a dead letter cannot be put back, and what to do instead. Undefined: it can. */
export function whyNot({ event, reason }: DeadLetter): string | undefined {
  if (event !== undefined) return undefined;
  return reason === 'undecodable'
    ? 'its bytes are no event: mend them (show --bytes gives them), let their producer send them again, and discard it'
    : 'it was never read as an event: let its producer send it again (show --bytes gives the bytes), and discard it';
}

/**
 * The event as its step read it, but at a place of a redrive lane and for this one step. The letter must have an event.
 */
export function redrivenEvent(
  letter: DeadLetter,
  to: { readonly step: string; readonly lane: string; readonly sequence: string },
): OutgoingEvent {
  const { id, key, time } = letter.event ?? noEvent(letter);
  const [entry] = decodeRecord(
    {
      sequenceNumber: sequenceNumberOf(letter.at as Position),
      partitionKey: key,
      data: originalBytes(letter),
      approximateArrivalMillis: Date.parse(time),
    },
    { name: letter.step },
  ).entries;
  if (entry === undefined || 'rejection' in entry) return noEvent(letter);
  const { type, traceparent, dataBytes } = entry.event;
  const source = redriveSource(to.step, to.lane);
  return { id, source, type, time, key, sequence: to.sequence, traceparent, redrivenFor: to.step, dataBytes };
}

function noEvent({ pipeline, step, at }: DeadLetter): never {
  throw new Error(`the dead letter of ${pipeline}/${step} at ${at} says that it was an event, and its bytes are none`);
}
