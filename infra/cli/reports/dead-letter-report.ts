import { type KnownLetter, originalBytes, type ReadLetters } from '../../operation/dead-letters/dead-letters.ts';
import { textTable } from '../../text-table.ts';
import { readable } from '../arguments/times.ts';

/** A row for each step and reason, with one dead letter of that kind. */
export function kindReport(title: string, { letters, unread }: ReadLetters): string {
  const kinds = Map.groupBy(letters, ({ pipeline, step, reason }) => `${pipeline}/${step} ${reason}`);
  const rows = [...kinds.values()].map((some) => {
    const { pipeline, step, reason, id, message } = some[0] as KnownLetter;
    const last =
      some
        .map(({ stored }) => stored)
        .sort()
        .at(-1) ?? '';
    return [`${pipeline}/${step}`, reason, some.length, readable(last), id, shortened(message)];
  });
  if (rows.length === 0) return `${title}: no dead letters`;
  const table = textTable(['step', 'reason', 'count', 'last stored', 'one of them', 'its message'], rows);
  return [title, '', table, '', ...more(unread), 'millrace dead-letters show <id> shows one with its bytes'].join('\n');
}

/** A row for each dead letter. */
export function eachReport(title: string, { letters, unread }: ReadLetters): string {
  if (letters.length === 0) return `${title}: no dead letters`;
  const rows = letters.map(({ id, reason, stored, message }) => [id, reason, readable(stored), shortened(message)]);
  return [title, '', textTable(['id', 'reason', 'stored', 'message'], rows), '', ...more(unread)].join('\n').trimEnd();
}

/** One dead letter: where it was, why it is one, and its bytes as they came. */
export function letterReport(letter: KnownLetter): string {
  const { id, pipeline, step, shard, at, sequenceNumber, stored, reason, message, origin = {}, event } = letter;
  const { key, time } = event ?? {};
  const read = event === undefined ? {} : { 'event key': key, 'event time': time };
  const where =
    sequenceNumber === undefined
      ? { shard, at }
      : { shard: shard.replace(/^.*\//, ''), 'sequence number': sequenceNumber };
  const facts = Object.entries({
    id,
    step: `${pipeline}/${step}`,
    ...where,
    stored: readable(stored),
    reason,
    message,
    ...origin,
    ...read,
  });
  const width = Math.max(...facts.map(([name]) => name.length));
  const lines = facts.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
  const bytes = originalBytes(letter);
  const shown =
    letter.base64 === undefined ? (letter.text ?? '') : `in base64, for they are not text:\n${letter.base64}`;
  return [...lines, '', `${bytes.length} bytes:`, shown].join('\n');
}

function more(unread: number): readonly string[] {
  return unread === 0 ? [] : [`and ${unread.toLocaleString('en-US')} more, which were not read`];
}

const SHOWN_CHARACTERS = 100;

function shortened(message: string): string {
  const line = message.replaceAll(/\s+/g, ' ');
  return line.length <= SHOWN_CHARACTERS ? line : `${line.slice(0, SHOWN_CHARACTERS - 1)}…`;
}
