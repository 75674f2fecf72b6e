import { describe, expect, test } from 'vitest';
import { EventRejected } from '../../functions/runtime/errors.ts';
import type { AppendOutcome, ItemPage, ItemSource, ReceivingSource } from '../../functions/runtime/source.ts';
import { noDeadline } from '../eventually.ts';

/**
 * A row or event as a harness writes it in its connector's own form: data that fits, or something that is to be
 * refused.
 */
export type Given = { readonly good: number } | { readonly bad: string };

export interface ItemSourceHarness {
  open(): Promise<{
    readonly source: ItemSource<unknown>;
    /**
     * Makes an item of these rows; `good` is a number that its event's data holds as `{ "n": … }`. Resolves to its
     * announcement.
     */
    put(rows: readonly Given[]): Promise<string>;
    /** Puts other content in the place of the last item. */
    overwrite(): Promise<void>;
    remove(): Promise<void>;
    close(): Promise<void>;
  }>;
}

/** What a source of announced items promises the runtime. Run it with as many rows as make at least three pages. */
export function itemSourceContract(name: string, harness: ItemSourceHarness): void {
  describe(`${name}, as a source of items`, () => {
    test('gives every row once, in order, at places that grow', async () => {
      await withItem(harness, MANY, async ({ pages }) => {
        const all = await pages(undefined);
        expect(numbersIn(all)).toEqual(MANY.flatMap((row) => ('good' in row ? [row.good] : [])));
        expect(all.length).toBeGreaterThanOrEqual(3);
        const places = all.flatMap(({ events }) => events.map(({ place }) => place));
        expect(places).toEqual([...new Set(places)].sort((a, b) => a - b));
        expect(places.every((place) => Number.isInteger(place) && place >= 0 && place < 2 ** 48)).toBe(true);
      });
    });

    test('resumes: from every position, kept as JSON, it gives exactly the rest', async () => {
      await withItem(harness, MANY, async ({ pages }) => {
        const all = await pages(undefined);
        for (const [index, { position }] of all.entries()) {
          expect(await pages(JSON.parse(JSON.stringify(position)))).toEqual(all.slice(index + 1));
        }
      });
    });

    test('a lost reply: what was appended and is read again is the same at the same places', async () => {
      await withItem(harness, MANY, async ({ pages, announce }) => {
        expect(await pages(undefined)).toEqual(await pages(undefined));
        expect(announce()).toEqual(announce());
      });
    });

    test('rejects rows with their bytes and a reason, and the rest goes on', async () => {
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

    test('an item that was overwritten or is gone is refused, also half-way', async () => {
      await withItem(harness, MANY, async ({ pages, overwrite, remove }) => {
        const [first] = await pages(undefined);
        await overwrite();
        await expect(pages(undefined)).rejects.toThrow(EventRejected);
        await expect(pages(first?.position)).rejects.toThrow(EventRejected);
        await remove();
        await expect(pages(first?.position)).rejects.toThrow(EventRejected);
      });
    });

    test('an invocation that ends does not end the item: reading throws, and it is not the item that is refused', async () => {
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

    test('an announcement that cannot be read is refused', async () => {
      await withItem(harness, [], async ({ source }) => {
        expect(() => source.announced('nonsense')).toThrow(EventRejected);
      });
    });
  });
}

/** Enough for three pages, and for more than one block of bytes. */
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

export interface ReceivingSourceHarness<Request, Reply> {
  open(): {
    readonly source: ReceivingSource<Request, Reply>;
    /** A request with these events; data that fits is `{ "n": … }`. */
    request(events: readonly Given[]): Request;
    /** The same, where the sender says which event is which: `source` and `sequence` of each. */
    identified(events: readonly (Given & { readonly source: string; readonly sequence: string })[]): Request;
    /** How the sender understands the reply: they are in the log; none was taken, for good; send it again. */
    meaningOf(reply: Reply): 'taken' | 'refused' | 'again';
    /** The indexes of the events that the reply complains about. */
    refusedIn(reply: Reply): readonly number[];
  };
}

/** What a source that answers requests promises the runtime and those who send. */
export function receivingSourceContract<Request, Reply>(
  name: string,
  harness: ReceivingSourceHarness<Request, Reply>,
): void {
  const receive = (source: ReceivingSource<Request, Reply>, request: Request) => source.receive(request, noDeadline());

  describe(`${name}, as a source that answers requests`, () => {
    test('gives the events of a request in order', async () => {
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

    test.each<[AppendOutcome, string]>([
      [{ outcome: 'appended', count: 1 }, 'taken'],
      [{ outcome: 'throttled' }, 'again'],
      [{ outcome: 'failed' }, 'again'],
      [{ outcome: 'too-large', refused: [{ index: 0, size: 2, limit: 1 }] }, 'refused'],
    ])('says what has become of them: after %j, %s', async (append, meaning) => {
      const { source, request, meaningOf } = harness.open();
      const { reply } = await receive(source, request([{ good: 1 }]));
      expect(meaningOf(reply(append))).toBe(meaning);
    });

    test('rejects a request with every bad event of it, and takes none', async () => {
      const { source, request, meaningOf, refusedIn } = harness.open();
      const { events, reply } = await receive(source, request([{ good: 1 }, { bad: 'a' }, { good: 2 }, { bad: 'b' }]));
      expect(events).toEqual([]);
      const answer = reply({ outcome: 'appended', count: 0 });
      expect(meaningOf(answer)).toBe('refused');
      expect(refusedIn(answer)).toEqual([1, 3]);
    });

    test('a lost reply: events that say which they are, sent again, are the same', async () => {
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

    test('events that do not say which they are leave it to the process: they have neither source nor sequence', async () => {
      const { source, request } = harness.open();
      const { events } = await receive(source, request([{ good: 1 }]));
      expect(events[0]).not.toHaveProperty('source');
      expect(events[0]).not.toHaveProperty('sequence');
    });
  });
}
