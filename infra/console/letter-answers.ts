import {
  findLetter,
  type KnownLetter,
  knownLetter,
  originalBytes,
  readLetter,
  readLetters,
} from '../operation/dead-letters/dead-letters.ts';
import { groupLetters } from '../operation/dead-letters/letter-groups.ts';
import type { LetterAnswer, LettersAnswer } from './answers.ts';
import { cutText, shownBytes } from './shown-bytes.ts';
import type { ConsoleSource } from './source.ts';

/** A list shows no more of a group, and no more of a message. */
const MOST_LISTED = 200;
const MOST_MESSAGE = 300;

/** Answers which dead letters there are: of all pipelines, of one, or of one step. */
export async function lettersAnswer(
  { find, target }: Pick<ConsoleSource, 'find' | 'target'>,
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
  const groups = groupLetters(letters).map((group) => {
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
  { target }: Pick<ConsoleSource, 'target'>,
  id: string,
  signal: AbortSignal,
): Promise<LetterAnswer> {
  const stored = await findLetter(target, id, signal);
  const letter = knownLetter(stored, await readLetter(target, stored.key, signal));
  const { pipeline, step, reason, message, shard, sequenceNumber, event, origin = {} } = letter;
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
  };
}
