import type { ReceivedEvent } from '../../runtime/event.ts';
import { isPosition, type Position, SEQUENCE_WIDTH } from '../../runtime/position.ts';

/**
 * The column in which the sink notes each row's last event: its source and sequence and, of an event that no transform
 * has made, where the log has it. A table that the sink creates has the column; in any other table the sink fills it
 * where it is there, with the type text. Whoever drops it loses nothing but that `millrace why` has to search the log.
 */
export const EVENT_COLUMN = 'millrace_event';

/** What the column says of a row. */
export interface NotedEvent {
  /** Undefined: the event has none, or one that is too long to be noted. */
  readonly source: string | undefined;
  readonly sequence: string | undefined;
  /** Undefined for an output of a transform: its sequence says where its input is, and so about where it is itself. */
  readonly place: { readonly shard: string; readonly position: Position } | undefined;
}

/** Writes the column's text. `shard` is the name of a slice's shard, which ends with its id. */
export function eventNoter(shard: string): (event: ReceivedEvent) => string {
  const before = ` ${shortened(`/${shard}`).split('/').at(-1)}/`;
  // One source follows the other, so its text is made once.
  let last: { readonly source: string; readonly text: string } | undefined;
  return ({ position, sequence = NONE, source }) => {
    if (last?.source !== source) last = { source, text: shortened(noted(source)) };
    const isOutput = sequence.length === SEQUENCE_WIDTH && source.startsWith('/') && last.text !== NONE;
    return `${last.text} ${noted(sequence)}${isOutput ? '' : before + position}`;
  };
}

/** Stands for a text that is missing. Texts of foreign events may have any length, and characters that COPY escapes. */
const NONE = '-';
const noted = (text: string): string => (NOTABLE.test(text) ? text : NONE);
/** A source with a number sign could be read as a shortened one. */
const NOTABLE = /^[!"$-[\]-~]{1,200}$/;

/** Shortens the ids of shards, which are most of a source: each byte is in every row. */
const shortened = (text: string): string =>
  text.replace(/(?<=\/)shardId-(\d{12})(?=\/|$)/, (_, id) => `#${Number(id)}`);
const lengthened = (text: string): string =>
  text.replace(/#(\d+)/, (_, id: string) => `shardId-${id.padStart(12, '0')}`);

/** Reads the column's text. Undefined: somebody else has written it. */
export function readEventNote(text: string): NotedEvent | undefined {
  const [source, sequence, place, more] = text.split(' ');
  if (!source || !sequence || more !== undefined) return undefined;
  const given = (part: string): string | undefined => (part === NONE ? undefined : lengthened(part));
  const note = { source: given(source), sequence: given(sequence) };
  if (place === undefined) return note.source && note.sequence ? { ...note, place } : undefined;
  const [shard = '', position = '', deeper] = place.split('/');
  if (!isPosition(position) || deeper !== undefined) return undefined;
  return { ...note, place: { shard: lengthened(shard), position } };
}
