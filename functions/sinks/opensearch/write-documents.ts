import { cutText } from '../../runtime/cut-text.ts';
import type { ReceivedEvent } from '../../runtime/event.ts';
import { onOneLine } from '../../runtime/json/json-bytes.ts';
import { type Rejection, rejectionOf } from '../../runtime/rejection.ts';
import type { Slice } from '../../runtime/sink.ts';
import { ATTEMPTS, pauseBefore, type SearchServer } from './ask.ts';
import { type BulkWrite, bulk, bytesOf, type Outcome } from './bulk.ts';
import { sourceOf, whyNoId } from './document.ts';

/** How the documents of an index are written. */
export interface DocumentWriting {
  readonly server: SearchServer;
  readonly index: string;
  /** Resolves once the index is known to be the step's. */
  readonly opened: (signal: AbortSignal) => Promise<unknown>;
  /** Throws when the index no longer takes what the stream's schema declares. */
  readonly recheck: (signal: AbortSignal) => Promise<void>;
  /** What a document stands for: all events with one key, or one event. */
  readonly document: 'key' | 'event';
  readonly tombstoneDays: number;
  readonly now: () => number;
}

/**
 * Writes the events of a slice. Of several events with one id only the one with the highest version is written, because
 * the others would lose to it; if OpenSearch refuses that one, the others follow. Resolves to the rejected events, in
 * the order of the log.
 */
export async function writeDocuments(slice: Slice, writing: DocumentWriting): Promise<readonly Rejection[]> {
  const { signal } = slice;
  const rejections: Rejection[] = [];
  const byId = new Map<string, Write[]>();
  // A slice without events needs no index: dead letters do not wait for it.
  for await (const page of slice.pages) {
    await writing.opened(signal);
    for (const event of page) {
      const made = writeOf(event, slice.versionOf(event), writing);
      if ('rejected' in made) rejections.push(made.rejected);
      else addTo(byId, made);
    }
  }
  signal.throwIfAborted();
  const first = [...byId.values()].flatMap((writes) => [...unversioned(writes), ...versioned(writes).slice(0, 1)]);
  const refused = await writeAll(first, writing, signal);
  const ids = new Set(refused.filter(({ version }) => version !== undefined).map(({ id }) => id));
  const others = [...ids].flatMap((id) => versioned(byId.get(id) ?? []).slice(1));
  const alsoRefused = await writeAll(others, writing, signal);
  rejections.push(...[...refused, ...alsoRefused].map(({ rejection }) => rejection));
  return rejections.toSorted((a, b) => (a.at < b.at ? -1 : 1));
}

/** One event that is to be written. */
interface Write extends BulkWrite {
  readonly event: ReceivedEvent;
}

interface RefusedWrite extends Write {
  readonly rejection: Rejection;
}

function addTo(byId: Map<string, Write[]>, write: Write): void {
  const ofId = byId.get(write.id);
  if (ofId === undefined) byId.set(write.id, [write]);
  else ofId.push(write);
}

function writeOf(
  event: ReceivedEvent,
  version: bigint | undefined,
  { document, tombstoneDays, now }: DocumentWriting,
): Write | { readonly rejected: Rejection } {
  const id = document === 'key' ? event.key : event.id;
  const source = sourceOf(event, { expiresMillis: now() + tombstoneDays * DAY_MILLIS });
  const isOfAll = document === 'key' && event.parts !== undefined;
  const message = (isOfAll ? NO_DOCUMENT : whyNoId(id)) ?? ('message' in source ? source.message : undefined);
  if (message !== undefined) return { rejected: rejectionOf(event, { reason: 'refused', message }) };
  return { event, id, version, source: onOneLine((source as { readonly bytes: Uint8Array }).bytes) };
}

const NO_DOCUMENT =
  'it concerns every key, such as a TRUNCATE of a table, and no document: the documents of rows that are gone stay, delete them yourself';

const DAY_MILLIS = 24 * 3_600_000;

/** Of events that were put back, and that nobody knows the version of. */
function unversioned(writes: readonly Write[]): readonly Write[] {
  return writes.filter(({ version }) => version === undefined);
}

/** The highest version first. */
function versioned(writes: readonly Write[]): readonly Write[] {
  return writes
    .filter(({ version }) => version !== undefined)
    .toSorted((a, b) => ((a.version ?? 0n) > (b.version ?? 0n) ? -1 : 1));
}

/** A domain on small instances takes requests of 10 MiB; OpenSearch works best on some MiB. */
const MOST_BYTES = 5 * 1024 ** 2;
const MOST_DOCUMENTS = 5_000;

/** Writes all, request by request, and resolves to those that the index refuses. */
async function writeAll(
  writes: readonly Write[],
  writing: DocumentWriting,
  signal: AbortSignal,
): Promise<readonly RefusedWrite[]> {
  const refused: RefusedWrite[] = [];
  for (const request of requestsOf(writes)) refused.push(...(await writeRequest(request, writing, signal)));
  // Somebody may have made the index anew: then it is not the events' fault.
  if (refused.length > 0) await writing.recheck(signal);
  return refused;
}

function* requestsOf(writes: readonly Write[]): Iterable<readonly Write[]> {
  let request: Write[] = [];
  let bytes = 0;
  for (const write of writes) {
    const more = bytesOf(write);
    if (request.length > 0 && (request.length === MOST_DOCUMENTS || bytes + more > MOST_BYTES)) {
      yield request;
      request = [];
      bytes = 0;
    }
    request.push(write);
    bytes += more;
  }
  if (request.length > 0) yield request;
}

/** Writes what goes into one request, again where the server had no time, and in halves where it is too large. */
async function writeRequest(
  writes: readonly Write[],
  writing: DocumentWriting,
  signal: AbortSignal,
): Promise<readonly RefusedWrite[]> {
  const { server, index } = writing;
  const refused: RefusedWrite[] = [];
  let left = writes;
  for (let attempt = 1; left.length > 0; attempt++) {
    if (attempt > ATTEMPTS)
      throw new Error(`${server.endpoint} has no time for ${left.length} documents of ${index} (attempt ${ATTEMPTS})`);
    if (attempt > 1) await pauseBefore(attempt - 1, server, signal);
    const outcomes = await bulk(server, { index, writes: left }, signal);
    if (outcomes === 'too large') return [...refused, ...(await inHalves(left, writing, signal))];
    refused.push(...left.flatMap((write, at) => refusalOf(write, outcomes[at] as Outcome)));
    left = left.filter((_, at) => outcomes[at]?.kind === 'again');
  }
  return refused;
}

async function inHalves(
  writes: readonly Write[],
  writing: DocumentWriting,
  signal: AbortSignal,
): Promise<readonly RefusedWrite[]> {
  const [only] = writes;
  if (only !== undefined && writes.length === 1)
    return [refusedWith(only, `OpenSearch takes no document of ${only.source.length} bytes`)];
  const half = writes.length >> 1;
  const first = await writeRequest(writes.slice(0, half), writing, signal);
  return [...first, ...(await writeRequest(writes.slice(half), writing, signal))];
}

function refusalOf(write: Write, outcome: Outcome): readonly RefusedWrite[] {
  if (outcome.kind === 'refused') return [refusedWith(write, outcome.message)];
  return outcome.kind === 'lost' && write.version === undefined ? [refusedWith(write, NO_VERSION)] : [];
}

const NO_VERSION =
  'its dead letter has no version, and the index has a document of its key: have the producer send the event again, or discard it';

const LONGEST_MESSAGE = 1_000;

function refusedWith(write: Write, message: string): RefusedWrite {
  const { event } = write;
  return {
    ...write,
    rejection: rejectionOf(event, { reason: 'refused', message: cutText(message, LONGEST_MESSAGE) }),
  };
}
