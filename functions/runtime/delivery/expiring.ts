import type { KinesisStreamRecord } from 'aws-lambda';
import { z } from 'zod';
import { jsonNote, loadNote, type Note, type StoredNote, saveNote } from '../checkpoints/note.ts';
import { shardKey } from '../checkpoints/shard-states.ts';
import { endOfRecord, type Position } from '../position.ts';
import { deadlineOf, type Invocation } from '../step.ts';
import { type GivingUp, giveUp, type Unfinished } from './give-up.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A record is given up this long before its stream trims it. */
export const HOURS_BEFORE_TRIM = 4;
const SOON_MILLIS = HOURS_BEFORE_TRIM * HOUR;

/** Kinesis's shortest retention: a younger record than this allows needs no look at the stream. */
const SHORTEST_RETENTION_MILLIS = 24 * HOUR;

/** How long deliveries have to fail before records are given up: a step that works may fail for a moment. */
const PATIENCE_MILLIS = 30 * MINUTE;

/** A record that is trimmed so soon is given up at the first failure: there may be no second one. */
const URGENT_MILLIS = 15 * MINUTE;

/** How old the known retention may be when records are given up: somebody may have raised it to gain time. */
const RETENTION_KNOWN_MILLIS = 10 * MINUTE;

/** A record is decoded so many times to give it up. After that it becomes one dead letter, for it may be poison. */
const MOST_TRIES = 3;

/** The share of an invocation's time in which expiring records are processed. The rest is for giving them up. */
const SHARE_OF_WORK = 2 / 3;

/** A delivery of records, the oldest of which the stream may soon trim. */
export interface OldDelivery extends Omit<GivingUp, 'retentionMillis'> {
  readonly records: readonly KinesisStreamRecord[];
  readonly invocation: Invocation;
  /** Never rejects. Resolves to the first record to deliver again; undefined when all of them are processed. */
  process(signal: AbortSignal): Promise<Unfinished>;
}

/**
 * Processes a delivery. Makes dead letters of those of its records that the stream trims within four hours and that the
 * step could not process for half an hour, with the reason `expired`, and acknowledges them. So no mapping has to
 * discard records by their age, and a step that works never gives up a record that the log still holds.
 *
 * Once the step has noted that it gives a record up, it does not process the record any more, whatever happens: so a
 * record is processed or a dead letter, and not both.
 */
export async function giveUpExpiring(delivery: OldDelivery): Promise<Unfinished> {
  const { step, input, shardId, records, invocation, signal } = delivery;
  if (expiringOf({ step, retentionMillis: SHORTEST_RETENTION_MILLIS }, records).length === 0)
    return delivery.process(signal);
  const shape = await input.shape(signal);
  const at: Expiring = { ...delivery, retentionMillis: shape.retentionMillis, note: noteOf(shardKey(shape, shardId)) };
  if (expiringOf(at, records).length === 0) return delivery.process(signal);
  const stored = await loadNote(step.checkpoints, at.note, signal);
  const upTo = stored.value?.upTo ?? '';
  const begun = records.filter(({ kinesis }) => endOfRecord(kinesis.sequenceNumber) <= upTo);
  if (begun.length > 0 && !(await isRewound(at))) return giveUpFirst(at, stored, { records, count: begun.length });
  const unfinished = await delivery.process(deadlineOf(invocation, SHARE_OF_WORK));
  if (unfinished !== undefined) return giveUpAfterFailure(at, stored, unfinished);
  if (stored.value?.failing !== undefined) await save(at, stored, { ...stored.value, failing: undefined });
  return undefined;
}

/** A delivery whose first record the stream trims soon. */
interface Expiring extends OldDelivery {
  readonly retentionMillis: number;
  readonly note: Note<Noted>;
}

/** What a step notes of a shard with expiring records. */
const Noted = z.lazy(() =>
  z.object({
    /** When deliveries of such records began to fail, and when the last one failed. Missing: the last one did not. */
    failing: z.object({ sinceMillis: z.number(), lastMillis: z.number() }).optional(),
    /** The end of the last record that is given up: it and all before it are not processed any more. */
    upTo: z
      .string()
      .transform((text) => text as Position)
      .optional(),
    /** When the stream's retention was read before records were given up. */
    readMillis: z.number().optional(),
    /** How often the step has begun to give up records from this sequence number on. A process may die of the first. */
    tries: z.object({ from: z.string(), count: z.number() }).optional(),
  }),
);
type Noted = Readonly<z.infer<typeof Noted>>;

function noteOf(key: string): Note<Noted> {
  return jsonNote(`expiring/${key}`, Noted);
}

async function save(
  { step, note, signal }: Expiring,
  { revision: previous }: StoredNote<unknown>,
  value: Noted,
): Promise<void> {
  await saveNote(step.checkpoints, note, { previous, value, signal });
}

/** Notes a failure, and gives records up when deliveries have failed for long enough. */
async function giveUpAfterFailure(
  at: Expiring,
  stored: StoredNote<Noted | undefined>,
  unfinished: Exclude<Unfinished, undefined>,
): Promise<Unfinished> {
  const { step, input, records, signal } = at;
  const nowMillis = step.now();
  const left = records.slice(records.findIndex(({ kinesis }) => kinesis.sequenceNumber === unfinished.sequenceNumber));
  if (expiringOf(at, left).length === 0) return unfinished;
  const { readMillis = 0, upTo } = stored.value ?? {};
  // A delivery that was processed in part has not failed before.
  const sinceMillis = left.length === records.length ? failingSince(stored.value, nowMillis) : nowMillis;
  const noted = { failing: { sinceMillis, lastMillis: nowMillis }, upTo, readMillis };
  const withinMillis = nowMillis - sinceMillis >= PATIENCE_MILLIS ? SOON_MILLIS : URGENT_MILLIS;
  if (expiringOf(at, left, withinMillis).length === 0 || (await isRewound(at))) {
    await save(at, stored, noted);
    return unfinished;
  }
  const isReadAgain = nowMillis - readMillis >= RETENTION_KNOWN_MILLIS;
  const { retentionMillis } = isReadAgain ? await input.refresh(signal) : at;
  const given = expiringOf({ ...at, retentionMillis }, left, withinMillis);
  const end = given.at(-1)?.kinesis.sequenceNumber;
  const value = {
    ...noted,
    readMillis: isReadAgain ? nowMillis : readMillis,
    upTo: end === undefined ? upTo : endOfRecord(end),
  };
  const { revision } = stored;
  return giveUpFirst({ ...at, retentionMillis }, { revision, value }, { records: left, count: given.length });
}

/** Returns since when deliveries fail. A failure long after the last one begins anew. */
function failingSince(noted: Noted | undefined, nowMillis: number): number {
  const { failing } = noted ?? {};
  return failing === undefined || nowMillis - failing.lastMillis > PATIENCE_MILLIS ? nowMillis : failing.sinceMillis;
}

/** Notes and gives up the first `count` of the records. Resolves to the first record that is left. */
async function giveUpFirst(
  at: Expiring,
  stored: StoredNote<Noted | undefined>,
  { records, count }: { readonly records: readonly KinesisStreamRecord[]; readonly count: number },
): Promise<Unfinished> {
  const from = records[0]?.kinesis.sequenceNumber ?? '';
  const { tries } = stored.value ?? {};
  const times = tries?.from === from ? tries.count + 1 : 1;
  await save(at, stored, { ...stored.value, tries: { from, count: times } });
  return records[await giveUp(at, records.slice(0, count), { firstIsWhole: times > MOST_TRIES })]?.kinesis;
}

/** A shard that is being rewound reads from the log itself. False when its state is out of reach. */
async function isRewound({ input, shardId, signal }: Expiring): Promise<boolean> {
  const state = await input.stateOf(shardId, signal).catch(() => undefined);
  signal.throwIfAborted();
  return state?.rewind !== undefined;
}

/** Returns the records at the beginning that the stream trims soon, or within the given time. */
function expiringOf(
  { step, retentionMillis }: Pick<Expiring, 'step' | 'retentionMillis'>,
  records: readonly KinesisStreamRecord[],
  withinMillis = SOON_MILLIS,
): readonly KinesisStreamRecord[] {
  const arrivedBefore = step.now() + withinMillis - retentionMillis;
  const later = records.findIndex(({ kinesis }) => kinesis.approximateArrivalTimestamp * 1_000 > arrivedBefore);
  return later < 0 ? records : records.slice(0, later);
}
