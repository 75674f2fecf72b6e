import { createHash, createHmac } from 'node:crypto';
import type { ReceivedEvent } from '../../runtime/event.ts';
import { slackText } from './message.ts';
import type { WebhookOptions } from './options.ts';

/** A request, without what changes from attempt to attempt. */
export interface WebhookRequest {
  /** The same at each attempt, and no other event has it. */
  readonly id: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** Makes the request of an event. The same event gives the same request, byte for byte. */
export function requestOf(
  event: ReceivedEvent,
  { body, message = '', headers }: Pick<WebhookOptions, 'body' | 'message' | 'headers'>,
): WebhookRequest {
  const id = requestIdOf(event);
  const always = { ...headers, 'idempotency-key': `"${id}"`, 'webhook-id': id };
  switch (body) {
    case 'event':
      return { id, headers: { ...always, 'content-type': 'application/cloudevents+json' }, body: event.bytes };
    case 'data':
      return { id, headers: { ...always, ...attributesOf(event), 'content-type': JSON_TYPE }, body: event.dataBytes };
    case 'slack': {
      const text = JSON.stringify({ text: slackText(message, event) });
      return { id, headers: { ...always, 'content-type': JSON_TYPE }, body: Buffer.from(text) };
    }
  }
}

const JSON_TYPE = 'application/json';
const LONGEST_ID = 255;

/**
 * Returns the source and the sequence of an event as one text: the id of the event's request. Without a sequence,
 * CloudEvents' own identity: the source and the id.
 */
export function requestIdOf({ source, sequence, id }: Pick<ReceivedEvent, 'source' | 'sequence' | 'id'>): string {
  // `encodeURI` leaves no `|`, and a signature joins its parts by points.
  const [from, what] = [source, sequence ?? id].map((text) => encodeURI(text.toWellFormed()).replaceAll('.', '%2E'));
  const text = sequence === undefined ? `${from}||${what}` : `${from}|${what}`;
  return text.length <= LONGEST_ID ? text : `sha256-${createHash('sha256').update(text).digest('hex')}`;
}

/** The attributes as headers (CloudEvents, HTTP protocol binding, binary content mode). */
function attributesOf(event: ReceivedEvent): Readonly<Record<string, string>> {
  const { id, source, type, time, key: partitionkey, sequence, traceparent } = event;
  const attributes = { specversion: '1.0', id, source, type, time, partitionkey, sequence, traceparent };
  return Object.fromEntries(
    Object.entries(attributes).flatMap(([name, value]) =>
      value === undefined ? [] : [[`ce-${name}`, inHeader(value)]],
    ),
  );
}

/** All but printable ASCII is percent-encoded, with blanks, quotes and per cent signs. */
function inHeader(value: string): string {
  return value
    .toWellFormed()
    .replaceAll(/[^\x21\x23\x24\x26-\x7e]+/gu, (characters) =>
      [...Buffer.from(characters)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
    );
}

/**
 * Signs an attempt (Standard Webhooks 1.0). Receivers refuse timestamps that are minutes old, so each attempt has its
 * own.
 */
export function signatureOf(
  { id, body }: Pick<WebhookRequest, 'id' | 'body'>,
  { key, nowMillis }: { readonly key: Uint8Array; readonly nowMillis: number },
): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(nowMillis / 1_000));
  const mac = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64');
  return { 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${mac}` };
}

const SHORTEST_KEY = 16;

/** Decodes a signing key: base64, with or without `whsec_` before it. */
export function signingKeyIn(text: string): Uint8Array {
  const base64 = text.trim().replace(/^whsec_/, '');
  const key = Buffer.from(base64, 'base64');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64) || key.length < SHORTEST_KEY)
    throw new Error(`the signing key is not base64 of ${SHORTEST_KEY} bytes or more: store such a key in its secret`);
  return key;
}
