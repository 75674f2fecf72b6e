import { describe, expect, test } from 'vitest';
import { EventRejected } from '../../functions/runtime/errors.ts';
import type { AppendOutcome, ItemPage, ItemSource, ReceivingSource } from '../../functions/runtime/source.ts';
import { noDeadline } from '../eventually.ts';

/** A row or event that a harness writes in its connector's own form: data that fits, or data that must be rejected. */
export type Given = { readonly good: number } | { readonly bad: string };

/** How the suite drives a source of items. `open` gives each test a store of items of its own. */
export interface ItemSourceHarness {
  open(): Promise<{
    readonly source: ItemSource<unknown>;
    /**
     * Stores an item of these rows, and resolves to its announcement. The data of a good row's event is `{ "n": good
     * }`.
     */
    put(rows: readonly Given[]): Promise<string>;
    /** Replaces the content of the last item. */
    overwrite(): Promise<void>;
    /** Deletes the last item. */
    remove(): Promise<void>;
    close(): Promise<void>;
  }>;
}

/**
 * Checks what a source of announced items promises the runtime. Each case says above itself what it proves. The harness
 * must make at least three pages of 12,000 rows.
 */
export function itemSourceContract(name: string, harness: ItemSourceHarness): void {
  describe(`${name}, as a source of items`, () => {
    // Sequences are made of `place`, and readers drop a sequence that is not higher than the last: places must only
    // grow, and fit into 48 bits.
    test('yields every row once, in order, at places that grow', async () => {
      await withItem(harness, MANY, async ({ pages }) => {
        const all = await pages(undefined);
        expect(numbersIn(all)).toEqual(MANY.flatMap((row) => ('good' in row ? [row.good] : [])));
        expect(all.length).toBeGreaterThanOrEqual(3);
        const places = all.flatMap(({ events }) => events.map(({ place }) => place));
        expect(places).toEqual([...new Set(places)].sort((a, b) => a - b));
        expect(places.every((place) => Number.isInteger(place) && place >= 0 && place < 2 ** 48)).toBe(true);
      });
    });

    // Another invocation continues from the position that was stored as JSON. A row that is skipped there is lost.
    test('resumes: from every position, stored as JSON, it yields exactly the rest', async () => {
      await withItem(harness, MANY, async ({ pages }) => {
        const all = await pages(undefined);
        for (const [index, { position }] of all.entries()) {
          expect(await pages(JSON.parse(JSON.stringify(position)))).toEqual(all.slice(index + 1));
        }
      });
    });

    // After a crash the runtime reads rows again that it has already appended. Readers drop them only if they are the
    // same at the same places, and the announcement gives the same identity.
    test('yields the same rows at the same places when it reads an item again', async () => {
      await withItem(harness, MANY, async ({ pages, announce }) => {
        expect(await pages(undefined)).toEqual(await pages(undefined));
        expect(announce()).toEqual(announce());
      });
    });

    // A bad row must neither stop the item nor vanish: its bytes and reason go into a dead letter.
    test('rejects bad rows with their bytes and a reason, and continues', async () => {
      const rows: Given[] = [
        { good: 1 },
        { bad: 'first' },
        { good: 2 },
        { good: 3 },
        { bad: 'second' },
        { bad: 'third' },
      ];
      await withItem(harness, rows, async ({ pages }) => {
        const all = await pages(undefined);
        const rejections = all.flatMap((page) => page.rejections);
        expect(numbersIn(all)).toEqual([1, 2, 3]);
        expect(rejections.map(({ bytes }) => Buffer.from(bytes).toString())).toEqual([
          expect.stringContaining('first'),
          expect.stringContaining('second'),
          expect.stringContaining('third'),
        ]);
        expect(rejections.every(({ reason, message }) => reason !== undefined && message !== '')).toBe(true);
        const at = rejections.map((rejection) => rejection.at);
        expect(at).toEqual([...new Set(at)].sort());
        expect(at.every((text) => /^[\w-]+$/.test(text))).toBe(true);
      });
    });

    // Reading other content from an old position would mix two items. `EventRejected` makes the item one dead letter.
    test('rejects an item that was overwritten or deleted, at its start and half-way', async () => {
      await withItem(harness, MANY, async ({ pages, overwrite, remove }) => {
        const [first] = await pages(undefined);
        await overwrite();
        await expect(pages(undefined)).rejects.toThrow(EventRejected);
        await expect(pages(first?.position)).rejects.toThrow(EventRejected);
        await remove();
        await expect(pages(first?.position)).rejects.toThrow(EventRejected);
      });
    });

    // The end of an invocation is not the item's fault. `EventRejected` here would make a dead letter of a good item.
    test('throws when the signal aborts, and does not reject the item', async () => {
      await withItem(harness, MANY, async ({ read }) => {
        const abort = new AbortController();
        const reading = read(undefined, abort.signal)[Symbol.asyncIterator]();
        await reading.next();
        abort.abort();
        const rest = (async () => {
          while (!(await reading.next()).done);
        })();
        await expect(rest).rejects.toSatisfy((error) => !(error instanceof EventRejected));
      });
    });

    // Any other error would deliver the same message again, until it ends up in the queue of failed items.
    test('rejects an announcement that it cannot read', async () => {
      await withItem(harness, [], async ({ source }) => {
        expect(() => source.announced('nonsense')).toThrow(EventRejected);
      });
    });
  });
}

/** Enough rows for three pages, and for more than one block of bytes. */
const MANY: readonly Given[] = Array.from({ length: 12_000 }, (_, index) =>
  index % 1_000 === 999 ? { bad: `row ${index}` } : { good: index },
);

type Page = ItemPage<unknown>;

interface OpenItem {
  readonly source: ItemSource<unknown>;
  announce(): unknown;
  read(position: unknown, signal: AbortSignal): AsyncIterable<Page>;
  pages(position: unknown): Promise<readonly Page[]>;
  overwrite(): Promise<void>;
  remove(): Promise<void>;
}

async function withItem(
  harness: ItemSourceHarness,
  rows: readonly Given[],
  use: (item: OpenItem) => Promise<void>,
): Promise<void> {
  const { source, put, overwrite, remove, close } = await harness.open();
  try {
    const announcement = await put(rows);
    const announce = () => source.announced(announcement);
    const read: OpenItem['read'] = (position, signal) => source.readItem(announce()[0]?.item, position, signal);
    const pages = (position: unknown) => Array.fromAsync(read(position, noDeadline()));
    await use({ source, announce, read, pages, overwrite, remove });
  } finally {
    await close();
  }
}

function numbersIn(pages: readonly Page[]): number[] {
  return pages.flatMap(({ events }) => events.map(({ dataBytes }) => JSON.parse(Buffer.from(dataBytes).toString()).n));
}

/** How the suite drives a source that answers requests. */
export interface ReceivingSourceHarness<Request, Reply> {
  open(): {
    readonly source: ReceivingSource<Request, Reply>;
    /** Makes a request with these events. The data of a good event is `{ "n": good }`. */
    request(events: readonly Given[]): Request;
    /** Makes a request whose sender identifies each event by `source` and `sequence`. */
    identified(events: readonly (Given & { readonly source: string; readonly sequence: string })[]): Request;
    /** What the reply tells the sender: all events are in the log; none will be accepted; send the request again. */
    meaningOf(reply: Reply): 'accepted' | 'rejected' | 'again';
    /** Returns the indexes of the events that the reply reports as bad. */
    badEventsIn(reply: Reply): readonly number[];
  };
}

/** Checks what a source that answers requests promises the runtime and its senders. Each case says what it proves. */
export function receivingSourceContract<Request, Reply>(
  name: string,
  harness: ReceivingSourceHarness<Request, Reply>,
): void {
  const receive = (source: ReceivingSource<Request, Reply>, request: Request) => source.receive(request, noDeadline());

  describe(`${name}, as a source that answers requests`, () => {
    // Events of one key must be appended in the order in which they were sent, with attributes that every reader
    // accepts.
    test('returns the events of a request in order', async () => {
      const { source, request } = harness.open();
      const { events } = await receive(source, request([{ good: 3 }, { good: 1 }, { good: 2 }]));
      expect(events.map(({ dataBytes }) => JSON.parse(Buffer.from(dataBytes).toString()))).toEqual([
        { n: 3 },
        { n: 1 },
        { n: 2 },
      ]);
      for (const { type, time, key } of events) {
        expect(type).not.toBe('');
        expect(new Date(time).getTime()).not.toBeNaN();
        expect(key.length).toBeGreaterThan(0);
        expect(key.length).toBeLessThanOrEqual(256);
      }
    });

    // The reply is all that a sender knows: it must never hear "accepted" for events that may be missing, and never
    // hear "rejected" for events that another attempt would bring in.
    test.each<[AppendOutcome, string]>([
      [{ outcome: 'appended', count: 1 }, 'accepted'],
      [{ outcome: 'throttled' }, 'again'],
      [{ outcome: 'failed' }, 'again'],
      [{ outcome: 'too-large', refused: [{ index: 0, size: 2, limit: 1 }] }, 'rejected'],
    ])('tells the sender what happened: after %j, %s', async (append, meaning) => {
      const { source, request, meaningOf } = harness.open();
      const { reply } = await receive(source, request([{ good: 1 }]));
      expect(meaningOf(reply(append))).toBe(meaning);
    });

    // All or nothing: a sender that corrects the bad events sends the whole request again, and nothing is duplicated.
    test('reports every bad event of a request, and accepts none of its events', async () => {
      const { source, request, meaningOf, badEventsIn } = harness.open();
      const { events, reply } = await receive(source, request([{ good: 1 }, { bad: 'a' }, { good: 2 }, { bad: 'b' }]));
      expect(events).toEqual([]);
      const answer = reply({ outcome: 'appended', count: 0 });
      expect(meaningOf(answer)).toBe('rejected');
      expect(badEventsIn(answer)).toEqual([1, 3]);
    });

    // A sender whose reply was lost sends the request again. An idempotent stream drops the repeat by source and
    // sequence.
    test('keeps the source and sequence that the sender gave, also when the request is sent again', async () => {
      const { source, identified } = harness.open();
      const sent = identified([
        { good: 1, source: 'urn:device:1', sequence: '7' },
        { good: 2, source: 'urn:device:1', sequence: '8' },
      ]);
      const [first, again] = [await receive(source, sent), await receive(source, sent)];
      expect(again.events).toEqual(first.events);
      expect(first.events).toMatchObject([
        { source: 'urn:device:1', sequence: '7' },
        { source: 'urn:device:1', sequence: '8' },
      ]);
    });

    // The runtime then numbers the events of its process, so that a retry inside the log writer cannot duplicate them.
    test('leaves source and sequence to the runtime when the sender gave none', async () => {
      const { source, request } = harness.open();
      const { events } = await receive(source, request([{ good: 1 }]));
      expect(events[0]).not.toHaveProperty('source');
      expect(events[0]).not.toHaveProperty('sequence');
    });
  });
}
