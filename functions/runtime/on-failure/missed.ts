import type { KinesisStreamEvent } from 'aws-lambda';
import { z } from 'zod';
import { type BatchFacts, openBatch } from '../batches/batch.ts';
import { noMarks } from '../checkpoints/marks.ts';
import type { StepState } from '../checkpoints/step-state.ts';
import { type LogRecord, toLogRecord } from '../record-codec/record.ts';
import { type Rejection, rejectionOf } from '../rejection.ts';
import { GAPS_KEPT_MILLIS, type Gap, isInGap } from './gaps.ts';

/** The prefix under which Lambda stores the records that it discards, and the reason. */
export const ON_FAILURE_PREFIX = 'aws/lambda/';

const Payload = z.custom<KinesisStreamEvent>((value) => Array.isArray((value as KinesisStreamEvent)?.Records));

/**
 * The parts of the document that matter here. The payload is the function's event: as text, which AWS's guide shows, or
 * as JSON.
 */
export const OnFailureDocument = z.lazy(() =>
  z.object({
    requestContext: z.object({ functionArn: z.string(), condition: z.string() }),
    timestamp: z.iso.datetime(),
    KinesisBatchInfo: z.object({ shardId: z.string(), streamArn: z.string() }),
    payload: z.unknown().transform((given, context) => {
      const parsed = Payload.safeParse(typeof given === 'string' ? JSON.parse(given) : given);
      if (parsed.success) return parsed.data;
      context.addIssue('is not the event of a function that reads a stream');
      return z.NEVER;
    }),
  }),
);
export type OnFailureDocument = Readonly<z.infer<typeof OnFailureDocument>>;

/** What is known about the step that did not receive the records, in their shard. */
export interface Missing {
  readonly facts: BatchFacts;
  /**
   * Undefined when the state cannot be found out here: the sink keeps it in a database out of reach, or there is none.
   */
  readonly state: StepState | undefined;
  readonly gaps: readonly Gap[];
  readonly nowMillis: number;
}

/**
 * Returns the events of the document that the step never processed, as rejections. An empty list: it has processed all
 * of them. Undefined: nothing shows that yet.
 *
 * Lost are the events in a gap that the step has noted, and those after its position, because Lambda does not deliver
 * them again. The step has processed all others: only its answer was lost, and by the next delivery the records were
 * too old.
 *
 * A step that is being rewound reads the log itself, and may still process what the log has. The step's marks are
 * compared only with events after its position: in a gap the marks have moved on. When a transform's checkpoint failed
 * to the end, its output was sent but not committed; these events are reported too, because nothing shows that they
 * were sent.
 */
export function missed(document: OnFailureDocument, known: Missing): readonly Rejection[] | undefined {
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
    ...after.map((found) => rejectionFor(found, document, isKnown ? '' : MAY_BE_PROCESSED)),
  ].sort((a, b) => (a.at < b.at ? -1 : 1));
}

/**
 * The time that a step out of reach has to go on and to note a gap. After that, its events are reported without knowing
 * whether they are lost.
 */
const PATIENCE_MILLIS = 3_600_000;

/** Ends the message of a dead letter whose event may have been processed. */
export const MAY_BE_PROCESSED =
  '; the step may have processed it all the same, which cannot be found out: check what it wrote before redriving';

function gapOf(record: LogRecord, gaps: readonly Gap[]): Gap | undefined {
  return gaps.find((gap) => isInGap(record, gap));
}

type Found = ReturnType<typeof openBatch>['events'][number] | Rejection;

function taken(records: readonly LogRecord[], state: StepState, facts: BatchFacts): readonly Found[] {
  const batch = openBatch(state, facts);
  for (const record of records) batch.take(record);
  return [...batch.events, ...batch.rejections];
}

/**
 * Makes the rejection of an event that was never processed. Bytes that do not decode are rejected for that reason, as
 * if the step had received them.
 */
function rejectionFor(found: Found, { requestContext, timestamp }: OnFailureDocument, uncertain: string): Rejection {
  if ('at' in found) return found;
  const message = `Lambda discarded it at ${timestamp} (${requestContext.condition})${uncertain}`;
  return rejectionOf(found, { reason: 'expired', message });
}
