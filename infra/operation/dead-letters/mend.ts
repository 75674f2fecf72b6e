import { PutObjectCommand } from '@aws-sdk/client-s3';
import type { DeadLetter } from '../../../functions/runtime/dead-letters/dead-letter.ts';
import { nameOfOne } from '../../../functions/runtime/dead-letters/letter-objects.ts';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { ReceivedEvent } from '../../../functions/runtime/event.ts';
import { type Position, sequenceNumberOf } from '../../../functions/runtime/position.ts';
import { decodeRecord } from '../../../functions/runtime/record-codec/decode.ts';
import { encodeEvent } from '../../../functions/runtime/record-codec/encode.ts';
import { originalBytes, readLetter, type StoredLetter } from './dead-letters.ts';
import type { LetterTarget } from './letter-folders.ts';
import { whyLetterCannotRedrive } from './redrivable.ts';
import { placeOf, removeStored } from './stored-letters.ts';

/** The event of a dead letter, as its step has read it. Throws a `UserMistake` for a letter that is no event. */
export function eventOfLetter(letter: DeadLetter): ReceivedEvent {
  const { event } = letter;
  const why = whyLetterCannotRedrive(letter);
  if (event === undefined || why !== undefined) throw new UserMistake(`the dead letter cannot be mended: ${why}`);
  const record = {
    sequenceNumber: sequenceNumberOf(letter.at as Position),
    partitionKey: event.key,
    data: originalBytes(letter),
    approximateArrivalMillis: Date.parse(event.time),
  };
  const [entry] = decodeRecord(record, { name: letter.step }).entries;
  if (entry !== undefined && 'event' in entry) return entry.event;
  throw new UserMistake('the dead letter cannot be mended: its bytes are no event');
}

/** Parses the data that somebody has typed. Returns its bytes as they were typed. Throws a `UserMistake`. */
export function parseData(text: string): Uint8Array {
  try {
    JSON.parse(text);
  } catch (error) {
    throw new UserMistake(`the data is not JSON: ${(error as Error).message}`);
  }
  return Buffer.from(text.trim());
}

/**
 * Gives a dead letter other data, and leaves it on the list: a redrive then appends that. The event keeps its id, type,
 * time and key. The letter says when it was mended, and keeps the bytes as they came. The mended letter is stored
 * first, and what it replaces is removed second: a command that is interrupted in between can be repeated.
 */
export async function mendLetter(
  target: LetterTarget,
  stored: StoredLetter,
  { data, nowMillis, signal }: { readonly data: Uint8Array; readonly nowMillis: number; readonly signal: AbortSignal },
): Promise<void> {
  const letter = await readLetter(target, stored.key, signal);
  const { id, key } = letter.event ?? {};
  const { source, type, time, sequence, traceparent, redrivenFor, redrivenFrom, lateAt } = eventOfLetter(letter);
  const kept = { source, type, time, sequence, traceparent, redrivenFor, redrivenFrom, lateAt };
  const bytes = encodeEvent({ ...kept, id: id ?? '', key: key ?? '', dataBytes: data });
  const { text, base64, mended, ...same } = letter;
  const original = mended ?? { ...(text === undefined ? {} : { text }), ...(base64 === undefined ? {} : { base64 }) };
  const changed: DeadLetter = {
    ...same,
    text: Buffer.from(bytes).toString(),
    mended: { ...original, time: new Date(nowMillis).toISOString() },
  };
  const { folder, at } = placeOf(stored.key);
  const Key = `${folder}${nameOfOne(at)}`;
  const put = { Bucket: target.names.deadLetters, Key, Body: JSON.stringify(changed), ContentType: 'application/json' };
  await target.clients.s3.send(new PutObjectCommand(put), { abortSignal: signal });
  const others = [stored.key, ...stored.copies].filter((one) => one !== Key);
  if (others.length > 0) await removeStored(target, others, signal);
}
