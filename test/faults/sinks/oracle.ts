import type { ReceivedRequest } from '../../kit/webhooks.ts';
import { DEADLY, type Item, isLarge, isRefused, type SinksRun } from './pipeline.ts';

/** Compares what the sinks have made of the items with what they should. Returns a line for each difference. */
export async function violationsOfSinks(
  run: SinksRun,
  items: readonly Item[],
  { isRedriven }: { readonly isRedriven: boolean },
): Promise<readonly string[]> {
  const lives = (item: Item): boolean => isRedriven || item.n < DEADLY;
  const hasOtherId = (item: Item): boolean => item.id !== undefined && !item.deleted;
  const misfits = (item: Item): boolean => isLarge(item) && !item.deleted;
  const ofTable = items.filter((item) => !hasOtherId(item) && lives(item));
  const ofIndex = items.filter((item) => !misfits(item) && lives(item));
  return [
    ...violationsOfHook(run, items),
    ...violationsOfLetters(run, items, { step: 'hook', isBad: isRefused, isRedriven: false }),
    ...violationsOfLast('kept', storedItems(run), ofTable),
    ...violationsOfLetters(run, items, { step: 'kept', isBad: hasOtherId, isRedriven }),
    ...violationsOfLast('found', storedDocuments(run), ofIndex),
    ...violationsOfLetters(run, items, {
      step: 'found',
      isBad: misfits,
      // One that a later item of its key replaces in the same batch is not sent.
      maybe: (bad) => ofIndex.some(({ key, n }) => key === bad.key && n % DEADLY > bad.n % DEADLY && n < DEADLY),
      isRedriven,
    }),
    ...(await violationsOfLake(run, items)),
    ...violationsOfLetters(run, items, { step: 'lake', isBad: isLarge, isRedriven: true }),
  ];
}

/** What is stored of a key: the number of an item, or a tombstone. */
type Stored = ReadonlyMap<string, string>;

function storedItems(run: SinksRun): Stored {
  return new Map(
    run
      .items('kept')
      .map(({ id, n, millrace_deleted }) => [id?.S ?? '', millrace_deleted?.BOOL === true ? TOMBSTONE : `${n?.N}`]),
  );
}

function storedDocuments(run: SinksRun): Stored {
  return new Map(
    [...run.documents('found')].map(([id, { source }]) => {
      const { n, millrace_deleted } = JSON.parse(source) as { readonly n?: number; readonly millrace_deleted?: true };
      return [id, millrace_deleted === true ? TOMBSTONE : `${n}`];
    }),
  );
}

const TOMBSTONE = 'a tombstone';

/** What is stored is the last item of each key, or its tombstone. */
function violationsOfLast(step: string, stored: Stored, accepted: readonly Item[]): readonly string[] {
  const last = new Map(accepted.map((item) => [item.key, item]));
  return [...last].flatMap(([key, { n, deleted }]) => {
    const found = stored.get(key);
    const expected = deleted ? TOMBSTONE : String(n);
    return found === expected ? [] : [`${step}: ${key} has ${found} and not ${expected}, of item ${n}`];
  });
}

/** The files of the lake have each item once, however they were merged. */
async function violationsOfLake(run: SinksRun, items: readonly Item[]): Promise<readonly string[]> {
  const rows = await run.bucket('lake').ask('SELECT n FROM $files', 'items/');
  const found = rows.map(({ n }) => Number(n));
  const expected = items.filter((item) => !isLarge(item)).map(({ n }) => n);
  return [
    ...expected.filter((n) => !found.includes(n)).map((n) => `lake: ${n} is missing`),
    ...found
      .filter((n, index) => !expected.includes(n) || found.indexOf(n) !== index)
      .map((n) => `lake: ${n} is doubled or unexpected`),
  ];
}

/** Each item arrives, whatever repeats come with it, under one id; and for the first time in the order of its key. */
function violationsOfHook(run: SinksRun, items: readonly Item[]): readonly string[] {
  const taken = run.requests('hook').filter(({ status }) => status < 300);
  const firsts = [...new Map(taken.toReversed().map((request) => [request.id, request])).values()].map(itemOf);
  const order = taken.filter(({ id }, index) => taken.findIndex((one) => one.id === id) === index).map(itemOf);
  const expected = items.filter((item) => !isRefused(item) && item.n < DEADLY);
  return [
    ...expected.filter(({ n }) => !firsts.some((item) => item.n === n)).map(({ n }) => `hook: ${n} has not arrived`),
    ...expected
      .filter(({ n }) => firsts.filter((item) => item.n === n).length > 1)
      .map(({ n }) => `hook: ${n} has arrived under two ids`),
    ...firsts
      .filter(({ n }) => !expected.some((item) => item.n === n))
      .map(({ n }) => `hook: ${n} has arrived and should not`),
    ...order.flatMap((item, index) => {
      const later = order.slice(0, index).find(({ key, n }) => key === item.key && n > item.n);
      return later === undefined ? [] : [`hook: ${item.n} comes after ${later.n}`];
    }),
  ];
}

function itemOf({ body }: ReceivedRequest): Item {
  return (JSON.parse(body) as { readonly data: Item }).data;
}

/** Each refused item, each that kills, and each text that is no event is one dead letter; and nothing else is. */
function violationsOfLetters(
  run: SinksRun,
  items: readonly Item[],
  {
    step,
    isBad,
    maybe = () => false,
    isRedriven,
  }: {
    readonly step: string;
    readonly isBad: (item: Item) => boolean;
    /** Of which bad items a dead letter may be missing. */
    readonly maybe?: (item: Item) => boolean;
    readonly isRedriven: boolean;
  },
): readonly string[] {
  const reasons = run
    .deadLetters(step)
    .map(({ reason, text = '' }) => `${reason} ${/"n":(\d+)/.exec(text)?.[1] ?? text}`);
  const expected = [
    'undecodable no event',
    ...items.flatMap((item) =>
      item.n >= DEADLY && !isRedriven ? [`killed ${item.n}`] : isBad(item) ? [`refused ${item.n}`] : [],
    ),
  ];
  const mayMiss = items.filter((item) => isBad(item) && maybe(item)).map(({ n }) => `refused ${n}`);
  return [
    ...expected
      .filter((one) => !reasons.includes(one) && !mayMiss.includes(one))
      .map((one) => `dead letters of ${step}: ${one} is missing`),
    ...reasons
      .filter((one, index) => !expected.includes(one) || reasons.indexOf(one) !== index)
      .map((one) => `dead letters of ${step}: ${one} is too much`),
  ];
}
