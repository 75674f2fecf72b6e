import { ConditionalCheckFailedException, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { EventRejected } from '../../runtime/errors.ts';
import type { ReceivedEvent } from '../../runtime/event.ts';
import { backOffMillis, failureKindOf, sleepFor } from '../../runtime/log/back-off.ts';
import { type Rejection, rejectionOf } from '../../runtime/rejection.ts';
import type { Slice } from '../../runtime/sink.ts';
import { checkKey, type Item, itemOf, tombstoneOf, VERSION } from './item.ts';
import { type DynamoDb, OWN_ITEM } from './table.ts';

/** How the items of a table are written. */
export interface ItemWriting {
  readonly client: DynamoDb;
  readonly table: string;
  /** Resolves to the name of the table's key, once the table is known to be the step's. */
  readonly keyName: (signal: AbortSignal) => Promise<string>;
  /** What an item stands for: all events with one key, or one event. */
  readonly item: 'key' | 'event';
  readonly tombstoneDays: number;
  readonly now: () => number;
  /** Throws when the table no longer has the key that it was opened with. */
  readonly recheck: (signal: AbortSignal) => Promise<void>;
}

/** The most requests in flight. */
const AT_ONCE = 32;

const DAY_MILLIS = 24 * 3_600_000;

/**
 * Writes the events of a slice. Of several events with one key only the one with the highest version is written,
 * because the others would lose to it. Resolves to the rejected events, in the order of the log. The first failure
 * aborts the other requests; when this throws, none is in flight.
 */
export async function writeItems(slice: Slice, writing: ItemWriting): Promise<readonly Rejection[]> {
  const rejections: Rejection[] = [];
  const writes = new Map<string, Write[]>();
  // A slice without events needs no table: dead letters do not wait for it.
  for await (const page of slice.pages) {
    const keyName = await writing.keyName(slice.signal);
    for (const event of page) {
      const made = writeOf(event, slice.versionOf(event), { ...writing, keyName });
      if ('rejected' in made) rejections.push(made.rejected);
      else addTo(writes, made);
    }
  }
  slice.signal.throwIfAborted();
  const failed = new AbortController();
  const signal = AbortSignal.any([slice.signal, failed.signal]);
  const queues = writes.values();
  const work = async (): Promise<void> => {
    for (const ofKey of queues) rejections.push(...(await writeHighest(ofKey, writing, signal)));
  };
  const workers = Array.from({ length: Math.min(AT_ONCE, writes.size) }, () =>
    work().catch((error: unknown) => failed.abort(error)),
  );
  await Promise.all(workers);
  signal.throwIfAborted();
  return rejections.toSorted((a, b) => (a.at < b.at ? -1 : 1));
}

function addTo(writes: Map<string, Write[]>, write: Write): void {
  const ofKey = writes.get(write.key);
  if (ofKey === undefined) writes.set(write.key, [write]);
  else ofKey.push(write);
}

/** One event that is to be written. */
interface Write {
  readonly event: ReceivedEvent;
  readonly key: string;
  readonly keyName: string;
  /** Undefined: nobody knows it. Such an event never replaces anything. */
  readonly version: bigint | undefined;
  readonly item: Item;
}

function writeOf(
  event: ReceivedEvent,
  version: bigint | undefined,
  { keyName, item: of, tombstoneDays, now }: Omit<ItemWriting, 'keyName'> & { readonly keyName: string },
): Write | { readonly rejected: Rejection } {
  const value = of === 'key' ? event.key : event.id;
  try {
    if (of === 'key' && event.parts !== undefined) throw new EventRejected('refused', NO_ITEM);
    checkKey(value, OWN_ITEM);
    const toStore = { key: { name: keyName, value }, version: version ?? 0n };
    const item = event.type.endsWith('.deleted')
      ? tombstoneOf(toStore, now() + tombstoneDays * DAY_MILLIS)
      : itemOf(event.dataBytes, toStore);
    return { event, key: value, keyName, version, item };
  } catch (error) {
    if (!(error instanceof EventRejected)) throw error;
    return { rejected: rejectionOf(event, { reason: 'refused', message: error.message }) };
  }
}

const NO_ITEM =
  'it concerns every key, such as a TRUNCATE of a table, and no item: the items of rows that are gone stay, delete them yourself';

/**
 * Writes events of one key, the one with the highest version first. An event that DynamoDB refuses leaves its place to
 * the one below it; once one is stored or has lost, all below it have lost.
 */
async function writeHighest(
  writes: readonly Write[],
  writing: ItemWriting,
  signal: AbortSignal,
): Promise<readonly Rejection[]> {
  const rejections: Rejection[] = [];
  for (const write of writes.filter(({ version }) => version === undefined)) {
    const outcome = await put(write, writing, signal);
    if (outcome === 'stored') continue;
    const message = typeof outcome === 'object' ? outcome.message : NO_VERSION;
    rejections.push(rejectionOf(write.event, { reason: 'refused', message }));
  }
  const versioned = writes.filter(({ version }) => version !== undefined);
  for (const write of versioned.toSorted((a, b) => Number((b.version ?? 0n) - (a.version ?? 0n)))) {
    const outcome = await put(write, writing, signal);
    if (typeof outcome !== 'object') break;
    rejections.push(rejectionOf(write.event, { reason: 'refused', message: outcome.message }));
  }
  return rejections;
}

const NO_VERSION =
  'its dead letter has no version, and the table has an item of its key: have the producer send the event again, or discard it';

/** `lost`: an event with a higher version is stored, or this one already is. An error: DynamoDB refuses the item. */
async function put(
  { item, keyName, version }: Write,
  { client, table, recheck }: ItemWriting,
  signal: AbortSignal,
): Promise<'stored' | 'lost' | { readonly message: string }> {
  const command = new PutItemCommand({
    TableName: table,
    Item: item,
    ...(version === undefined
      ? { ConditionExpression: 'attribute_not_exists(#key)', ExpressionAttributeNames: { '#key': keyName } }
      : {
          ConditionExpression: 'attribute_not_exists(#version) OR #version < :version',
          ExpressionAttributeNames: { '#version': VERSION },
          ExpressionAttributeValues: { ':version': { N: version.toString() } },
        }),
  });
  try {
    await unlessThrottled(() => client.send(command, { abortSignal: signal }), signal);
    return 'stored';
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ConditionalCheckFailedException) return 'lost';
    const { name, message } = error as Error;
    if (name !== 'ValidationException') throw error;
    await recheck(signal);
    return { message: `DynamoDB refuses the item: ${message}` };
  }
}

/** Repeats a request for as long as the table throttles. The client itself repeats one that was lost. */
async function unlessThrottled(send: () => Promise<unknown>, signal: AbortSignal): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await send();
      return;
    } catch (error) {
      if (signal.aborted || failureKindOf(error) !== 'throttled') throw error;
      await sleepFor(backOffMillis(attempt, Math.random), signal);
    }
  }
}
