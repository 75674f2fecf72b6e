import { type KnownLetter, originalBytes, type ReadLetters } from '../../operation/dead-letters/dead-letters.ts';
import { shortTime } from '../../operation/times.ts';
import { textTable } from '../../text-table.ts';

/** Formats a row for each step and reason, with one dead letter as an example. */
export function reasonReport(title: string, { letters, unread }: ReadLetters): string {
  const groups = Map.groupBy(letters, ({ pipeline, step, reason }) => `${pipeline}/${step} ${reason}`);
  const rows = [...groups.values()].map((group) => {
    const { pipeline, step, reason, id, message } = group[0] as KnownLetter;
    const last =
      group
        .map(({ stored }) => stored)
        .sort()
        .at(-1) ?? '';
    return [`${pipeline}/${step}`, reason, group.length, shortTime(last), id, shortened(message)];
  });
  if (rows.length === 0) return `${title}: no dead letters`;
  const table = textTable(['step', 'reason', 'count', 'last stored', 'example', 'message of the example'], rows);
  return [
    title,
    '',
    table,
    '',
    ...more(unread),
    'millrace dead-letters show <id> prints one with its original bytes',
  ].join('\n');
}

/** Formats a row for each dead letter. */
export function eachReport(title: string, { letters, unread }: ReadLetters): string {
  if (letters.length === 0) return `${title}: no dead letters`;
  const rows = letters.map(({ id, reason, stored, message }) => [id, reason, shortTime(stored), shortened(message)]);
  return [title, '', textTable(['id', 'reason', 'stored', 'message'], rows), '', ...more(unread)].join('\n').trimEnd();
}

/** Formats one dead letter: its position, its reason, and its original bytes. */
export function letterReport(letter: KnownLetter): string {
  const { id, pipeline, step, shard, at, sequenceNumber, stored, reason, message, origin = {}, event } = letter;
  const { key, time } = event ?? {};
  const attributes = event === undefined ? {} : { 'event key': key, 'event time': time };
  const where =
    sequenceNumber === undefined
      ? { shard, at }
      : { shard: shard.replace(/^.*\//, ''), 'sequence number': sequenceNumber };
  const facts = Object.entries({
    id,
    step: `${pipeline}/${step}`,
    ...where,
    stored: shortTime(stored),
    reason,
    message,
    ...origin,
    ...attributes,
  });
  const width = Math.max(...facts.map(([name]) => name.length));
  // A line break in a value must not look like another fact.
  const indented = (value: unknown): string => String(value).replaceAll('\n', `\n${' '.repeat(width + 2)}`);
  const lines = facts.map(([name, value]) => `${name.padEnd(width)}  ${indented(value)}`);
  const bytes = originalBytes(letter);
  const shown = letter.base64 === undefined ? (letter.text ?? '') : `(not text, so in base64)\n${letter.base64}`;
  return [...lines, '', `${bytes.length} bytes:`, shown].join('\n');
}

function more(unread: number): readonly string[] {
  return unread === 0 ? [] : [`${unread.toLocaleString('en-US')} more were not read`];
}

const SHOWN_CHARACTERS = 100;

function shortened(message: string): string {
  const line = message.replaceAll(/\s+/g, ' ');
  return line.length <= SHOWN_CHARACTERS ? line : `${line.slice(0, SHOWN_CHARACTERS - 1)}…`;
}
