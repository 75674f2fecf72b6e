import type { ReceivedRequest } from '../../kit/webhooks.ts';
import { DEADLY, type Item, isRefused, type SinksRun } from './pipeline.ts';

/** Compares what the sinks have made of the items with what they should. Returns a line for each difference. */
export function violationsOfSinks(
  run: SinksRun,
  items: readonly Item[],
  { isRedriven }: { readonly isRedriven: boolean },
): readonly string[] {
  const isBad = (item: Item): boolean => item.id !== undefined && !item.deleted;
  return [
    ...violationsOfHook(run, items),
    ...violationsOfLetters(run, items, { step: 'hook', isBad: isRefused, isRedriven: false }),
    ...violationsOfTable(
      run,
      items.filter((item) => !isBad(item) && (isRedriven || item.n < DEADLY)),
    ),
    ...violationsOfLetters(run, items, { step: 'kept', isBad, isRedriven }),
  ];
}

/** The table has the last item of each key, or its tombstone. */
function violationsOfTable(run: SinksRun, accepted: readonly Item[]): readonly string[] {
  const stored = new Map(run.items('kept').map((item) => [item.id?.S, item]));
  const last = new Map(accepted.map((item) => [item.key, item]));
  return [...last].flatMap(([key, { n, deleted }]) => {
    const item = stored.get(key);
    const found = item?.millrace_deleted?.BOOL === true ? 'a tombstone' : item?.n?.N;
    const expected = deleted ? 'a tombstone' : String(n);
    return found === expected ? [] : [`kept: ${key} has ${found} and not ${expected}, of item ${n}`];
  });
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
    isRedriven,
  }: { readonly step: string; readonly isBad: (item: Item) => boolean; readonly isRedriven: boolean },
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
  return [
    ...expected.filter((one) => !reasons.includes(one)).map((one) => `dead letters of ${step}: ${one} is missing`),
    ...reasons
      .filter((one, index) => !expected.includes(one) || reasons.indexOf(one) !== index)
      .map((one) => `dead letters of ${step}: ${one} is too much`),
  ];
}
