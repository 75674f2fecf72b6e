import { describe, expect, test } from 'vitest';
import { PULLED_EVENTS, type PulledPage, type PulledSource, type PullTurn } from '../../functions/runtime/source.ts';
import { noDeadline } from '../eventually.ts';

/** How the suite drives a pulled source. `open` gives each test a source that has something to read. */
export interface PulledSourceHarness {
  /** How many events the source has at once: enough for several pages. */
  readonly count: number;
  open(): Promise<{
    /** Opens the source as a new process does. */
    source(): PulledSource<unknown>;
    /** A text that no position of the source is, such as a position of another source. */
    readonly strange: unknown;
    close(): Promise<void>;
  }>;
}

/** What a pulled source promises the runtime. Each case says above itself what it proves. */
export const pulledSourceCases: Readonly<Record<string, (harness: PulledSourceHarness) => Promise<void>>> = {
  // Sequences are places, and readers drop a sequence that is not higher than the last. Texts of different widths
  // have no order that a number keeps.
  'yields every event once, at places that grow and have one width': (harness) =>
    withSource(harness, async ({ pagesFrom }) => {
      const events = eventsIn(await pagesFrom(undefined));
      const places = events.map(({ place }) => place);
      expect(places).toHaveLength(harness.count);
      expect(places).toEqual([...new Set(places)].sort((a, b) => (a < b ? -1 : 1)));
      expect(new Set(places.map((place) => place.length)).size).toBe(1);
      expect(places.every((place) => /^[\w-]{1,64}$/.test(place))).toBe(true);
    }),

  // A page is in memory, and a page that is appended again is work done twice: no page may have everything.
  'yields bounded pages': (harness) =>
    withSource(harness, async ({ pagesFrom }) => {
      const pages = await pagesFrom(undefined);
      for (const { events } of pages) {
        expect(events.length).toBeLessThanOrEqual(10_000);
        expect(events.reduce((sum, { dataBytes }) => sum + dataBytes.length, 0)).toBeLessThan(16 * 1024 * 1024);
      }
      expect(pages.filter(({ events }) => events.length > 0).length).toBeGreaterThanOrEqual(2);
    }),

  // A process died, and the runtime looks for the event that killed it: in ever smaller pages, down to one event.
  'yields smaller pages when it is asked for fewer events, and the same events at the same places': (harness) =>
    withSource(harness, async ({ pagesFrom, source, firstPages }) => {
      const [start] = await firstPages(1);
      const whole = eventsIn(await pagesFrom(start?.position));
      for (const most of [1, 7]) {
        const pages: Page[] = [];
        for await (const page of source.read(start?.position, turnOf({ most }))) {
          pages.push(page);
          if (pages.length === 5) break;
        }
        const events = eventsIn(pages);
        expect(pages.every((page) => page.events.length <= most)).toBe(true);
        expect(events.length).toBeGreaterThan(0);
        expect(events).toEqual(whole.slice(0, events.length));
      }
    }),

  // Another process goes on from the position that was stored as JSON. An event that is skipped there is lost; one
  // that has another place comes twice.
  'resumes anywhere: from every position, stored as JSON, a new process yields exactly the rest': (harness) =>
    withSource(harness, async ({ pagesFrom, source }) => {
      const pages = await pagesFrom(undefined);
      for (const [index, { position }] of pages.entries()) {
        const stored = source.position.parse(JSON.parse(JSON.stringify(position)));
        expect(eventsIn(await pagesFrom(stored))).toEqual(eventsIn(pages.slice(index + 1)));
      }
    }),

  // The reply to the append was lost, or the process died before it stored the position: the page is read again, and
  // readers drop what they have by its place. Another event at that place would be lost.
  'yields the same events at the same places after a lost reply': (harness) =>
    withSource(harness, async ({ pagesFrom, firstPages }) => {
      const [start, page] = await firstPages(2);
      const again = await pagesFrom(start?.position);
      expect(eventsIn(again).slice(0, page?.events.length)).toEqual(page?.events);
    }),

  // A run that lost its lease may read beside the next one: neither may take events away from the other.
  'gives two readers at once the same events': (harness) =>
    withSource(harness, async ({ pagesFrom, firstPages }) => {
      const [start] = await firstPages(1);
      const [one, twin] = await Promise.all([pagesFrom(start?.position), pagesFrom(start?.position)]);
      expect(eventsIn(twin)).toEqual(eventsIn(one));
    }),

  // What cannot be found again, such as the time of the start, has to be stored before an event depends on it.
  'yields no event before a position that makes it the same again': (harness) =>
    withSource(harness, async ({ firstPages, pagesFrom }) => {
      const first = (await firstPages(2)).find(({ events }) => events.length > 0);
      const [start] = await firstPages(1);
      if ((start?.events.length ?? 0) > 0) expect(eventsIn(await pagesFrom(undefined))[0]).toEqual(first?.events[0]);
      else expect(start?.position).toBeDefined();
    }),

  // Code that was rolled back, or a state that another step left there, must not be read as if it were a position.
  'refuses a position that is not its own': (harness) =>
    withSource(harness, async ({ source, strange }) => {
      expect(source.position.safeParse(strange).success).toBe(false);
    }),

  // The runtime stores a position in one item of a table.
  'has positions that are small JSON': (harness) =>
    withSource(harness, async ({ pagesFrom, source }) => {
      for (const { position } of await pagesFrom(undefined)) {
        expect(JSON.stringify(position).length).toBeLessThan(64 * 1024);
        expect(source.position.parse(JSON.parse(JSON.stringify(position)))).toEqual(position);
      }
    }),

  // A pause, and the end of a run: a source that goes on would be cut off in the middle of a page.
  'ends without an error when the run has to end': (harness) =>
    withSource(harness, async ({ source }) => {
      const ending = new AbortController();
      const pages: PulledPage<unknown>[] = [];
      for await (const page of source.read(undefined, turnOf({ ending: ending.signal }))) {
        pages.push(page);
        ending.abort();
      }
      expect(pages.length).toBeLessThanOrEqual(2);
    }),

  // The runtime's last resort. A source that swallows it keeps the function busy until Lambda kills it.
  'throws when the signal aborts': (harness) =>
    withSource(harness, async ({ source }) => {
      const abort = new AbortController();
      const reading = source.read(undefined, turnOf({ signal: abort.signal }));
      const rest = (async () => {
        for await (const _ of reading) abort.abort();
      })();
      await expect(rest).rejects.toThrow();
    }),
};

/** Checks each of the cases. */
export function pulledSourceContract(name: string, harness: PulledSourceHarness): void {
  describe(`${name}, as a pulled source`, () => {
    for (const [promise, check] of Object.entries(pulledSourceCases)) test(promise, () => check(harness));
  });
}

type Page = PulledPage<unknown>;

interface OpenSource {
  readonly source: PulledSource<unknown>;
  readonly strange: unknown;
  /** Reads from a position, in a new process, until all events of the harness are there. */
  pagesFrom(position: unknown): Promise<readonly Page[]>;
  /** Reads the first pages. */
  firstPages(count: number): Promise<readonly Page[]>;
}

async function withSource(harness: PulledSourceHarness, use: (source: OpenSource) => Promise<void>): Promise<void> {
  const { source: open, strange, close } = await harness.open();
  const take = async (position: unknown, most: number): Promise<readonly Page[]> => {
    const pages: Page[] = [];
    for await (const page of open().read(position, turnOf({}))) {
      pages.push(page);
      if (pages.length === most) break;
    }
    return pages;
  };
  try {
    await use({
      source: open(),
      strange,
      pagesFrom: (position) => take(position, Number.POSITIVE_INFINITY),
      firstPages: (count) => take(undefined, count),
    });
  } finally {
    await close();
  }
}

function turnOf(of: Partial<PullTurn>): PullTurn {
  return { ending: new AbortController().signal, signal: noDeadline(), most: PULLED_EVENTS, ...of };
}

function eventsIn(pages: readonly Page[]) {
  return pages.flatMap(({ events }) => events);
}
