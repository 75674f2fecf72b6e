import type { KinesisStreamEvent } from 'aws-lambda';
import { z } from 'zod';
import { type BatchFacts, openBatch } from '../batches/batch.ts';
import { noMarks } from '../checkpoints/marks.ts';
import type { StepState } from '../checkpoints/step-state.ts';
import { endOfRecord, positionOf } from '../position.ts';
import { type LogRecord, toLogRecord } from '../record-codec/record.ts';
import { type Rejection, rejectionOf } from '../rejection.ts';
import { GAPS_KEPT_MILLIS, type Gap } from './gaps.ts';

/** What Lambda stores below this prefix of a bucket when it gives up on records: the records, and why. */
export const GIVEN_UP_PREFIX = 'aws/lambda/';

const Payload = z.custom<KinesisStreamEvent>((value) => Array.isArray((value as KinesisStreamEvent)?.Records));

/**
 * The document, as far as it matters here. The payload is the function's event: as text (AWS's guide shows it so), or
 * as it is.
 */
export const GivenUpDocument = z.object({
  requestContext: z.object({ functionArn: z.string(), condition: z.string() }),
  timestamp: z.iso.datetime(),
  KinesisBatchInfo: z.object({ shardId: z.string(), streamArn: z.string() }),
  payload: z.unknown().transform((given, context) => {
    const parsed = Payload.safeParse(typeof given === 'string' ? JSON.parse(given) : given);
    if (parsed.success) return parsed.data;
    context.addIssue('is not the event of a function that reads a stream');
    return z.NEVER;
  }),
});
export type GivenUpDocument = Readonly<z.infer<typeof GivenUpDocument>>;

/** What is known of the step that did not get the records, in the shard that they are of. */
export interface Missing {
  readonly facts: BatchFacts;
  /**
   * Undefined: not even that can be found out here, because a sink keeps it in a database out of reach, or there is
   * none.
   */
  readonly state: StepState | undefined;
  readonly gaps: readonly Gap[];
  readonly nowMillis: number;
}

/**
 * The events of the document that the step never did, as rejections; an empty list when it did them all. What was lost:
 * the events in a gap that the step has noted, and those that its position has not passed, for Lambda does not deliver
 * them again. Everything else it has done: the answer was lost on its way, and by the next delivery the records were
 * too old. Undefined: that cannot be told yet.
 *
 * A step that is being rewound reads the log itself: what is still there, it may yet do. A step's marks are compared
 * with events after its position only: in a gap they have moved on. What was sent but not committed when Lambda gave up
 * (a transform whose checkpoint failed to the end) is reported too, for nobody knows of it.
 */
export function missed(document: GivenUpDocument, known: Missing): readonly Rejection[] | undefined {
  const { state, gaps, nowMillis, facts } = known;
  const ageMillis = nowMillis - Date.parse(document.timestamp);
  if (state?.rewind !== undefined && ageMillis < GAPS_KEPT_MILLIS) return undefined;
  const records = document.payload.Records.map(toLogRecord);
  const isKnown = state !== undefined && ageMillis < GAPS_KEPT_MILLIS;
  const outside = records.filter((record) => gapOf(record, gaps) === undefined);
  if (!isKnown && outside.length > 0 && ageMillis < PATIENCE_MILLIS) return undefined;
  const inGaps = gaps.flatMap((gap) => {
    const some = records.filter((record) => gapOf(record, gaps) === gap);
    return taken(some, { position: gap.from, marks: noMarks(facts.from, facts.to), rejections: [] }, facts);
  });
  const after = isKnown
    ? taken(outside, state, facts)
    : taken(outside, { position: undefined, marks: noMarks(facts.from, facts.to), rejections: [] }, facts);
  return [
    ...inGaps.map((found) => rejectionFor(found, document, '')),
    ...after.map((found) => rejectionFor(found, document, isKnown ? '' : UNCERTAIN)),
  ].sort((a, b) => (a.at < b.at ? -1 : 1));
}

/**
 * How long a step out of reach may take to go on, and to say so by noting a gap, before its events are reported without
 * knowing.
 */
const PATIENCE_MILLIS = 3_600_000;

const UNCERTAIN =
  '; whether the step had done it all the same could not be found out: see what it wrote before redriving';

function gapOf({ sequenceNumber }: LogRecord, gaps: readonly Gap[]): Gap | undefined {
  return gaps.find(({ from, to }) => endOfRecord(sequenceNumber) > from && positionOf(sequenceNumber, 0) < to);
}

type Found = ReturnType<typeof openBatch>['events'][number] | Rejection;

function taken(records: readonly LogRecord[], state: StepState, facts: BatchFacts): readonly Found[] {
  const batch = openBatch(state, facts);
  for (const record of records) batch.take(record);
  return [...batch.events, ...batch.rejections];
}

/** What does not decode would be a dead letter for that, had the step got it. */
function rejectionFor(found: Found, { requestContext, timestamp }: GivenUpDocument, uncertain: string): Rejection {
  if ('at' in found) return found;
  const message = `Lambda gave up on it at ${timestamp} (${requestContext.condition})${uncertain}`;
  return rejectionOf(found, { reason: 'expired', message });
}
