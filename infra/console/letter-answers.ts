import { UserMistake } from '../../functions/runtime/errors.ts';
import {
  findLetter,
  type KnownLetter,
  knownLetter,
  originalBytes,
  readLetter,
  readLetters,
} from '../operation/dead-letters/dead-letters.ts';
import { groupLetters } from '../operation/dead-letters/letter-groups.ts';
import { eventOfLetter } from '../operation/dead-letters/mend.ts';
import type { LetterAnswer, LettersAnswer } from './answers.ts';
import { HIDDEN } from './hide-fields.ts';
import { cutText, shownBytes } from './shown-bytes.ts';
import type { ConsoleSource } from './source.ts';

/** A list shows no more of a group, and no more of a message. */
const MOST_LISTED = 200;
const MOST_MESSAGE = 300;

/** Answers which dead letters there are: of all pipelines, of one, or of one step. */
export async function lettersAnswer(
  { find, target, hidesData }: ConsoleSource,
  { pipeline, step }: { readonly pipeline: string; readonly step: string },
  signal: AbortSignal,
): Promise<LettersAnswer> {
  if (step !== '') find.step(pipeline, step);
  const plans = find.plans().filter(({ name }) => pipeline === '' || name === pipeline);
  const letters: KnownLetter[] = [];
  let unread = 0;
  for (const { name } of plans) {
    const read = await readLetters(target, { pipeline: name, step: step === '' ? undefined : step }, signal);
    letters.push(...read.letters);
    unread += read.unread;
  }
  const groups = groupLetters(letters.map((letter) => (hidesData ? hiddenLetter(letter) : letter))).map((group) => {
    const { letters: all, ...same } = group;
    return {
      ...same,
      count: all.length,
      lastStored:
        all
          .map(({ stored }) => stored)
          .sort()
          .at(-1) ?? '',
      letters: all.slice(0, MOST_LISTED).map(({ id, stored, message, event }) => ({
        id,
        stored,
        message: cutText(message, MOST_MESSAGE),
        ...(event === undefined ? {} : { key: event.key }),
      })),
    };
  });
  return { groups, unread };
}

/** Answers one dead letter. */
export async function letterAnswer(
  { target, hidesData }: ConsoleSource,
  id: string,
  signal: AbortSignal,
): Promise<LetterAnswer> {
  const stored = await findLetter(target, id, signal);
  const found = knownLetter(stored, await readLetter(target, stored.key, signal));
  const letter = hidesData ? hiddenLetter(found) : found;
  const { pipeline, step, reason, message, shard, sequenceNumber, event, mended, origin = {} } = letter;
  const data = hidesData || event === undefined ? undefined : dataOf(found);
  return {
    id,
    pipeline,
    step,
    reason,
    message,
    stored: letter.stored,
    shard: shard.replace(/^.*\//, ''),
    ...(sequenceNumber === undefined ? {} : { sequenceNumber }),
    ...(event === undefined ? {} : { event }),
    origin,
    bytes: shownBytes(originalBytes(letter)),
    ...(data === undefined ? {} : { data: shownBytes(data) }),
    ...(mended === undefined ? {} : { mended: mended.time }),
  };
}

/** Returns the data of a dead letter's event. Undefined: it is no event, or is not JSON. */
function dataOf(letter: KnownLetter): Uint8Array | undefined {
  try {
    return eventOfLetter(letter).dataBytes;
  } catch (error) {
    if (error instanceof UserMistake) return undefined;
    throw error;
  }
}

/**
 * Returns a dead letter without what a producer wrote: nobody knows where personal fields are in what was refused, and
 * messages quote values.
 */
function hiddenLetter(letter: KnownLetter): KnownLetter {
  const { event, base64: _, mended, message, ...rest } = letter;
  return {
    ...rest,
    message: message.replaceAll(/column "[^"]*"|"[^"]*"|'[^']*'|-?\d(?:[\d.,:T+-]*\d)?Z?/g, (found) =>
      found.startsWith('column ') ? found : HIDDEN,
    ),
    text: HIDDEN,
    ...(mended === undefined ? {} : { mended: { time: mended.time } }),
    ...(event === undefined ? {} : { event: { ...event, key: 'hidden' } }),
  };
}
