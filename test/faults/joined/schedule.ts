import { minutes } from '../../../infra/pipelines/pipeline.ts';
import type { Order } from '../../pipelines/join-fixture.ts';
import type { AnyAction } from '../perform-any.ts';
import { type Below, someResharding, type Turns, turnsOf } from '../turns.ts';
import { cells, disturbances, lasting } from './matrix.ts';
import type { JoinedStream } from './pipeline.ts';

export type JoinedAction =
  | { readonly what: 'post'; readonly orders: readonly Order[] }
  | { readonly what: 'foreign'; readonly orders: readonly DatedOrder[] }
  | { readonly what: 'customers'; readonly rows: readonly Row[] }
  | { readonly what: 'scores'; readonly rows: readonly Row[] }
  | AnyAction;

/** An order of another producer, which may be dated before or after it is sent. */
export interface DatedOrder {
  readonly order: Order;
  readonly ahead: number | 'year 9999';
}

/** A row of a customer, or of a score. Without a value it is deleted. */
export interface Row {
  readonly id: string;
  readonly value: number | undefined;
}

/** Everything that is done to windows and joins, as plain data. */
export interface JoinedSchedule extends Turns<JoinedAction> {
  /** True when an operator redrives the late events at the end. */
  readonly isRedriven: boolean;
}

const STREAMS: readonly JoinedStream[] = ['raw', 'clean', 'people', 'named', 'closed', 'named-by-key', 'cards-by-key'];

/** Makes the schedule of a seed. The seeds go through the cells of the matrix; the rest is random. */
export function joinedScheduleOf(seed: number): JoinedSchedule {
  const { turns, below } = turnsOf(seed, { cells, disturbances, lasting }, (below) =>
    inputs(below).flatMap((input) => [input, ...between(below)]),
  );
  return { ...turns, isRedriven: below(2) === 0 };
}

/** Chooses what happens after an input: nothing, or a few things. */
function between(below: Below): readonly JoinedAction[] {
  const actions: JoinedAction[] = [];
  if (below(4) === 0) actions.push(someResharding(STREAMS, below));
  if (below(8) === 0) {
    const step = (['windows', 'named', 'cards'] as const)[below(3)] as 'windows';
    actions.push({ what: 'upgrade', step });
  }
  if (below(3) > 0) actions.push({ what: 'pass', millis: below(3) === 0 ? below(minutes(4)) : below(1_200) });
  return actions;
}

/** Makes about twenty orders of few customers, and rows of these. */
function inputs(below: Below): readonly JoinedAction[] {
  let next = below(1_000);
  const order = (way: string): Order => ({
    order_id: next++,
    customer_id: `${way}-${below(3)}`,
    sales: below(10),
  });
  const rows = (): readonly Row[] =>
    Array.from({ length: 1 + below(3) }, () => ({
      id: `${below(2) === 0 ? 'post' : 'foreign'}-${below(3)}`,
      value: below(4) === 0 ? undefined : below(100),
    }));
  const some = <One>(make: () => One): readonly One[] => Array.from({ length: 2 + below(3) }, make);
  const ahead = (): DatedOrder['ahead'] => {
    if (below(25) === 0) return 'year 9999';
    return below(5) === 0 ? below(minutes(2)) : -below(minutes(12));
  };
  const kinds = ['customers', 'post', 'foreign', 'scores', 'post', 'bytes', 'customers', 'foreign', 'scores', 'post'];
  return kinds.map((what, index): JoinedAction => {
    if (what === 'bytes') return { what, text: `no event ${index}` };
    if (what === 'customers' || what === 'scores') return { what, rows: rows() };
    if (what === 'post') return { what, orders: some(() => order('post')) };
    return {
      what: 'foreign',
      orders: some(() => ({
        order: below(9) === 0 ? { ...order('foreign'), customer_id: null } : order('foreign'),
        ahead: ahead(),
      })),
    };
  });
}
