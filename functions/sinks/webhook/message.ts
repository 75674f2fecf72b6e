import { cutText } from '../../runtime/cut-text.ts';
import type { Event } from '../../runtime/event.ts';

/** The event as a message uses it. */
export type MessageEvent = Pick<Event, 'id' | 'type' | 'time' | 'key' | 'source'> & { readonly dataBytes: Uint8Array };

export const LONGEST_MESSAGE = 4_000;
const LONGEST_VALUE = 500;
/** Slack cuts a message after 40,000 characters. */
const LONGEST_TEXT = 8_000;

const ATTRIBUTES = ['id', 'type', 'time', 'key', 'source'] as const;

/** What stands in braces, or two braces that stand for one. */
const PLACEHOLDER = /\{\{|\}\}|\{([^{}]*)\}/g;

/** Finds what is wrong with a message. Undefined: nothing. */
export function messageFault(message: string): string | undefined {
  if (/[{}]/.test(message.replaceAll(PLACEHOLDER, ''))) return "has a brace without its partner: write '{{' or '}}'";
  const unknown = placeholdersOf(message).find(
    (name) => !ATTRIBUTES.some((one) => one === name) && !/^data(\.[^.]+)*$/.test(name),
  );
  if (unknown === undefined) return undefined;
  return `has {${cutText(unknown, 40)}}: use {data.<field>} or one of ${ATTRIBUTES.map((name) => `{${name}}`).join(', ')}`;
}

/** Returns the fields of the data that a message names. */
export function fieldsOf(message: string): readonly string[] {
  const fields = placeholdersOf(message).flatMap((name) => /^data\.([^.]+)/.exec(name)?.[1] ?? []);
  return [...new Set(fields)];
}

function placeholdersOf(message: string): readonly string[] {
  return [...message.matchAll(PLACEHOLDER)].flatMap(([, name]) => (name === undefined ? [] : [name.trim()]));
}

/**
 * Writes a message of an event for Slack. Values are escaped, so no event can address a channel, mention a person or
 * write a link. Slack's marks for bold and italics have no escape: a value may contain them.
 */
export function slackText(message: string, event: MessageEvent): string {
  let data: unknown;
  const text = message.replaceAll(PLACEHOLDER, (found: string, name: string | undefined) => {
    if (name === undefined) return found.charAt(0);
    const path = name.trim().split('.');
    const [first = ''] = path;
    if (first !== 'data') return escaped(event[first as (typeof ATTRIBUTES)[number]]);
    data ??= parsed(event.dataBytes);
    return escaped(textOf(path.slice(1).reduce(fieldOf, data)));
  });
  return cutText(text, LONGEST_TEXT).toWellFormed();
}

function fieldOf(value: unknown, field: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, field)
    ? (value as Readonly<Record<string, unknown>>)[field]
    : undefined;
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Slack's rule (API reference, formatting text): these three characters, and no others. */
function escaped(text: string): string {
  return cutText(text, LONGEST_VALUE).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

type Reviver = (...of: [key: string, value: unknown, context: { readonly source?: string }]) => unknown;

/** Parses data. A number that JavaScript would change, such as a long id, stays the text that it was. */
function parsed(dataBytes: Uint8Array): unknown {
  const text = Buffer.from(dataBytes.buffer, dataBytes.byteOffset, dataBytes.length).toString();
  const exact: Reviver = (_key, value, { source }) =>
    typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value) ? source : value;
  return JSON.parse(text, exact as Parameters<typeof JSON.parse>[1]);
}
