import { type JoinTables, KEYS, MATCHES, RowEvent, SideEvent } from '../../functions/runtime/join.ts';
import { formerlyOf, inputOf, type Planned, readingOf, rekeyingOf, type UnmadeJoin } from './join-parts.ts';

/**
 * Plans the steps of a join by a foreign key. For a join `named` of `orders` and `customers`, where an order names its
 * customer:
 *
 * - The table step `named-orders` keeps the foreign key of each order, and publishes what changes in an order into the
 *   stream `named-by-row`, keyed by the order.
 * - The transform `named-keys` reads them there and re-keys them by the customer, into the stream `named-by-key`. The
 *   transform `named-customers` re-keys the customers into the same stream.
 * - The table step `named-matches` keeps which orders have which customer. It answers what an order meets, and what the
 *   orders of a customer meet now, into `named-by-row`.
 * - The table step `named` reads orders and answers there. It makes the joined rows, and drops each answer that is not
 *   for the order as it is by now. So a row has one writer, though its customer changes.
 *
 * The streams make a circle, and events do not: answers are not re-keyed.
 */
export function planForeignJoin(unmade: UnmadeJoin, [ofLeft, matches]: JoinTables['tables']): Planned {
  const { join, step, internal, width } = unmade;
  const { apply, to } = step;
  const [left = '', right = ''] = Object.keys(apply.inputs);
  const rows = `${internal.slice(0, -'-by-key'.length)}-by-row`;
  return {
    streams: { [internal]: { schema: SideEvent, ...width }, [rows]: { schema: RowEvent, ...width } },
    transforms: {
      [`${join}-${KEYS}`]: { from: rows, apply: apply.rekey(KEYS), to: internal, ...formerlyOf(step, `-${KEYS}`) },
      ...Object.fromEntries([rekeyingOf(unmade, right)]),
    },
    tables: {
      [`${join}-${left}`]: {
        from: inputOf(unmade, left),
        keep: ofLeft,
        changes: rows,
        ...readingOf(step),
        ...formerlyOf(step, `-${left}`),
      },
      [`${join}-${MATCHES}`]: { from: internal, keep: matches, changes: rows, ...formerlyOf(step, `-${MATCHES}`) },
      [join]: { from: rows, keep: apply.keep, ...(to === undefined ? {} : { changes: to }), ...formerlyOf(step) },
    },
  };
}
