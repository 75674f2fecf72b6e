import { z } from 'zod';
import { sqlJoin } from '../../functions/runtime/sql/sql-join.ts';
import { sqlTableJoin } from '../../functions/runtime/sql/sql-table-join.ts';
import type { Statement } from '../../functions/runtime/sql/sql-transform.ts';
import { sqlWithinJoin } from '../../functions/runtime/sql/sql-within-join.ts';
import { joinedKey } from '../../infra/sql/check/joined-table.ts';
import { partsOf, planJoin } from '../../infra/sql/compile-join.ts';
import { statementOf } from '../../infra/sql/emit/statement-of.ts';
import { joinShape, keyNames } from '../../infra/sql/plan/join-shape.ts';

export const Order = z.object({ order_id: z.int32(), customer_id: z.string().nullable(), sales: z.number() });
export type Order = z.infer<typeof Order>;
export const Customer = z.object({ customer_id: z.string(), segment: z.string() });
export const Enriched = z.object({ order_id: z.int32(), segment: z.string().nullable(), sales: z.number() });

/** Makes a join of orders with customers in this process, as the compiler does in a module. */
export async function joinOf(text: string) {
  const inputs = { orders: Order, customers: Customer };
  const plan = await planJoin({ file: 'enriched.sql', text }, new Map(Object.entries(inputs)));
  const parts = statementsOf(plan);
  return sqlJoin({
    entry: import.meta.url,
    file: 'enriched.sql',
    streams: { left: 'orders', right: 'customers' },
    kind: plan.join.kind === 'left' ? 'left' : 'inner',
    keys: keyNames(plan),
    ...(plan.join.asOf === undefined ? {} : { versionsMillis: plan.join.asOf.retention }),
    inputs,
    to: Enriched,
    left: parts('left'),
    right: parts('right'),
    deleted: parts('deleted'),
    row: parts('row'),
  });
}

export const Score = z.object({ id: z.string(), points: z.int32() });
export const Card = z.object({ id: z.string(), segment: z.string().nullable(), points: z.int32().nullable() });

/** Makes a join of the table of customers with that of their scores. */
export async function tableJoinOf(text: string) {
  const inputs = { customers: Customer, scores: Score };
  const plan = await planJoin({ file: 'cards.sql', text }, new Map(Object.entries(inputs)));
  const parts = statementsOf(plan);
  return sqlTableJoin({
    entry: import.meta.url,
    file: 'cards.sql',
    streams: { left: 'customers', right: 'scores' },
    kind: plan.join.kind,
    key: joinedKey(plan, plan.join),
    shape: joinShape(plan),
    inputs,
    row: Card,
    left: parts('left'),
    leftDeleted: parts('leftDeleted'),
    right: parts('right'),
    rightDeleted: parts('rightDeleted'),
    joined: parts('joined'),
  });
}

export const Placed = z.object({ order_id: z.string().nullable(), number: z.int32() });
export const Paid = z.object({ order_id: z.string().nullable(), payment: z.int32() });
export const Settled = z.object({ number: z.number().nullable(), payment: z.number().nullable() });

/** Makes a join of the streams of orders and payments within a time. */
export async function withinJoinOf(text: string) {
  const inputs = { orders: Placed, payments: Paid };
  const plan = await planJoin({ file: 'settled.sql', text }, new Map(Object.entries(inputs)));
  const { kind, within, left } = plan.join;
  if (within === undefined) throw new Error('the statement has no WITHIN');
  const parts = statementsOf(plan);
  return sqlWithinJoin({
    entry: import.meta.url,
    file: 'settled.sql',
    streams: { left: 'orders', right: 'payments' },
    kind,
    keys: left.keys.length,
    within,
    shape: joinShape(plan),
    inputs,
    to: Settled,
    left: parts('left'),
    right: parts('right'),
    row: parts('row'),
  });
}

export function statementsOf(plan: Awaited<ReturnType<typeof planJoin>>): (part: string) => Statement {
  const parts = partsOf(plan);
  return (part) => {
    const found = parts[part];
    if (found === undefined) throw new Error(`the join has no ${part}`);
    return statementOf(found);
  };
}
