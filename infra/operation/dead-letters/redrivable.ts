import type { DeadLetter } from '../../../functions/runtime/dead-letters/dead-letter.ts';
import { redriveOrigin, redriveSource } from '../../../functions/runtime/dead-letters/redriven.ts';
import type { OutgoingEvent } from '../../../functions/runtime/event.ts';
import type { Position } from '../../../functions/runtime/position.ts';
import { sequenceNumberOf } from '../../../functions/runtime/position.ts';
import { decodeRecord } from '../../../functions/runtime/record-codec/decode.ts';
import type { StepPlan } from '../../pipelines/plan.ts';
import { originalBytes } from './dead-letters.ts';

/** Says why a step's dead letters cannot be redriven, and what to do instead. Undefined when they can. */
export function whyStepCannotRedrive(step: StepPlan): string | undefined {
  if (step.kind !== 'source') return undefined;
  const what = {
    request: 'it rejects bad requests in its reply and stores no dead letters',
    queue:
      'a row that it rejected never became an event. Repair the missing rows in a new file with a new name, drop that file, and discard the dead letters',
    pulled:
      'what it rejected never became an event. Change it where the source reads it, if that is possible, and discard the dead letters',
  };
  return `dead letters of '${step.pipeline}/${step.name}' cannot be redriven, because it is a source: ${what[step.delivery]}`;
}

/** Says why a dead letter cannot be redriven, and what to do instead. Undefined when it can. */
export function whyLetterCannotRedrive({ event, reason, text }: DeadLetter): string | undefined {
  if (event !== undefined) return undefined;
  if (reason === 'expired' && text === '')
    return 'it names a range that its stream no longer holds; have the producers send what is missing, and discard it';
  return reason === 'undecodable'
    ? 'its bytes are not an event; repair them (show --bytes prints them), have the producer send them again, and discard it'
    : 'it was never decoded; have the producer send it again (show --bytes prints its bytes), and discard it';
}

/**
 * Builds the event to append: as its step read it, with a source and sequence of the redrive lane, and addressed to
 * this one step. Throws when the dead letter has no event.
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
  const lateAt = letter.reason === 'late' ? letter.origin?.lateAt?.toString() : undefined;
  const redrivenFrom = redriveOrigin(letter.shard, letter.at, letter.origin?.version?.toString());
  const put = { redrivenFor: to.step, redrivenFrom, lateAt };
  return { id, source, type, time, key, sequence: to.sequence, traceparent, ...put, dataBytes };
}

function noEvent({ pipeline, step, at }: DeadLetter): never {
  throw new Error(`the dead letter of ${pipeline}/${step} at ${at} is marked as an event, but its bytes are not one`);
}
