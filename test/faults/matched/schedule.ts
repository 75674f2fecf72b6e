import { minutes } from '../../../infra/pipelines/pipeline.ts';
import type { AnyAction } from '../perform-any.ts';
import { type Below, someResharding, type Turns, turnsOf } from '../turns.ts';
import { cells, disturbances, lasting } from './matrix.ts';
import type { MatchedStream } from './pipeline.ts';

export type MatchedAction =
  | { readonly what: 'purchases'; readonly rows: readonly PurchaseRow[] }
  | { readonly what: 'buyers'; readonly rows: readonly BuyerRow[] }
  | { readonly what: 'dated'; readonly orders: readonly DatedOrder[] }
  | { readonly what: 'people'; readonly rows: readonly DatedPerson[] }
  | { readonly what: 'within'; readonly events: readonly WithinEvent[] }
  | AnyAction;

/** An order that names its customer by a foreign key. Without `sales` it is deleted. */
export interface PurchaseRow {
  readonly id: string;
  readonly customer: string | null;
  readonly sales: number | undefined;
}

/** Without a name the customer is deleted. */
export interface BuyerRow {
  readonly id: string;
  readonly name: string | undefined;
}

/** An order that meets its customer as it was at the time of the order. `ahead` is in milliseconds from now. */
export interface DatedOrder {
  readonly number: number;
  readonly customer: string | null;
  readonly sales: number;
  readonly ahead: number;
}

/** Without a segment the customer is deleted at that time. */
export interface DatedPerson {
  readonly id: string;
  readonly segment: string | undefined;
  readonly ahead: number;
}

/** An order or a payment, of which those of the same order meet within a time. */
export interface WithinEvent {
  readonly stream: 'orders' | 'payments';
  readonly number: number;
  readonly order: string | null;
  /** In whole minutes from now. */
  readonly minutesAhead: number;
}

/** Everything that is done to these joins, as plain data. */
export type MatchedSchedule = Turns<MatchedAction>;

const STREAMS: readonly MatchedStream[] = [
  'raw',
  'named',
  'dated',
  'orders',
  'payments',
  'named-by-key',
  'named-by-row',
  'priced-by-key',
  'settled-by-key',
];
const UPGRADED = ['named', 'named-matches', 'priced', 'settled'] as const;

/** Makes the schedule of a seed. Consecutive seeds go through the cells of the matrix; the rest is random. */
export function matchedScheduleOf(seed: number): MatchedSchedule {
  const { turns } = turnsOf(seed, { cells, disturbances, lasting }, (below) =>
    inputs(below).flatMap((input) => [input, ...between(below)]),
  );
  return turns;
}

/** Chooses what happens after an input: nothing, or a few things. */
function between(below: Below): readonly MatchedAction[] {
  return [
    ...(below(4) === 0 ? [someResharding(STREAMS, below)] : []),
    ...(below(10) === 0 ? [{ what: 'upgrade', step: UPGRADED[below(UPGRADED.length)] as string } as const] : []),
    ...(below(3) > 0 ? [{ what: 'pass', millis: below(3) === 0 ? below(minutes(4)) : below(1_200) } as const] : []),
  ];
}

const KINDS = ['purchases', 'buyers', 'people', 'within', 'dated'] as const;
const HANDFULS = 3;

/** Makes some of each kind, in turns, so that the sides of each join come before and behind one another. */
function inputs(below: Below): readonly MatchedAction[] {
  let next = below(1_000);
  const some = <One>(make: () => One, most: number): readonly One[] => Array.from({ length: 1 + below(most) }, make);
  const customer = (): string | null => (below(8) === 0 ? null : `c${below(3)}`);
  const make: Record<(typeof KINDS)[number], () => MatchedAction> = {
    purchases: () => ({
      what: 'purchases',
      rows: some(
        () => ({ id: `o${below(8)}`, customer: customer(), sales: below(6) === 0 ? undefined : below(100) }),
        6,
      ),
    }),
    buyers: () => ({
      what: 'buyers',
      rows: some(() => ({ id: `c${below(3)}`, name: below(5) === 0 ? undefined : `n${below(100)}` }), 2),
    }),
    dated: () => ({
      what: 'dated',
      orders: some(() => ({ number: next++, customer: customer(), sales: below(9), ahead: -below(minutes(9)) }), 4),
    }),
    people: () => ({
      what: 'people',
      rows: some(
        () => ({
          id: `c${below(3)}`,
          segment: below(5) === 0 ? undefined : `s${below(100)}`,
          // Whole minutes, so that some versions have the time of another.
          ahead: -minutes(below(9)),
        }),
        3,
      ),
    }),
    within: () => ({
      what: 'within',
      events: some(
        (): WithinEvent => ({
          stream: below(2) === 0 ? 'orders' : 'payments',
          number: next++,
          order: below(12) === 0 ? null : `o${below(4)}`,
          minutesAhead: below(6) === 0 ? 1 + below(4) : -below(9),
        }),
        5,
      ),
    }),
  };
  const all = Array.from({ length: HANDFULS }, () => KINDS.map((kind) => make[kind]())).flat();
  all.splice(below(all.length), 0, { what: 'bytes', text: `no event ${next}` });
  return all;
}
