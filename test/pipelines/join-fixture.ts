import { z } from 'zod';
import { sqlJoin } from '../../functions/runtime/sql/sql-join.ts';
import { keyNames, planJoin } from '../../infra/sql/compile-join.ts';
import { statementOf } from '../../infra/sql/emit/statement-of.ts';
import { keyPlan, rowPlan, sidePlan } from '../../infra/sql/plan/split-join.ts';

export const Order = z.object({ order_id: z.int32(), customer_id: z.string().nullable(), sales: z.number() });
export const Customer = z.object({ customer_id: z.string(), segment: z.string() });
export const Enriched = z.object({ order_id: z.int32(), segment: z.string().nullable(), sales: z.number() });

/** Makes a join of orders with customers in this process, as the compiler does in a module. */
export async function joinOf(text: string) {
  const inputs = { orders: Order, customers: Customer };
  const plan = await planJoin({ file: 'enriched.sql', text }, new Map(Object.entries(inputs)));
  const { join } = plan;
  return sqlJoin({
    entry: import.meta.url,
    file: 'enriched.sql',
    streams: { left: 'orders', right: 'customers' },
    kind: join.kind === 'left' ? 'left' : 'inner',
    keys: keyNames(plan),
    inputs,
    to: Enriched,
    left: statementOf(sidePlan(plan, join, 'left')),
    right: statementOf(sidePlan(plan, join, 'right')),
    deleted: statementOf(keyPlan(plan, join, 'right')),
    row: statementOf(rowPlan(plan, join, 'whole')),
  });
}
