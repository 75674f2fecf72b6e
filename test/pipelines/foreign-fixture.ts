import { z } from 'zod';
import { sqlForeignJoin } from '../../functions/runtime/sql/sql-foreign-join.ts';
import { joinedKey } from '../../infra/sql/check/joined-table.ts';
import { planJoin } from '../../infra/sql/compile-join.ts';
import { joinShape } from '../../infra/sql/plan/join-shape.ts';
import { statementsOf } from './join-fixture.ts';

export const Purchase = z.object({ order_id: z.string(), customer_id: z.string().nullable(), sales: z.number() });
export const Buyer = z.object({ customer_id: z.string(), name: z.string(), spent: z.number() });
export const Named = z.object({
  order_id: z.string(),
  name: z.string().nullable(),
  sales: z.number().meta({ sql: 'numeric' }),
});

/** Makes a join of orders with customers by a foreign key in this process, as the compiler does in a module. */
export async function foreignJoinOf(text: string, key = '-- key orders: order_id\n') {
  const inputs = { orders: Purchase, customers: Buyer };
  const plan = await planJoin({ file: 'named.sql', text: `${key}${text}` }, new Map(Object.entries(inputs)));
  const parts = statementsOf(plan);
  return sqlForeignJoin({
    entry: import.meta.url,
    file: 'named.sql',
    streams: { left: 'orders', right: 'customers' },
    kind: plan.join.kind === 'left' ? 'left' : 'inner',
    key: joinedKey(plan, plan.join),
    foreignKeys: plan.join.left.keys.length,
    shape: joinShape(plan),
    inputs,
    row: Named,
    left: parts('left'),
    leftDeleted: parts('leftDeleted'),
    right: parts('right'),
    rightDeleted: parts('rightDeleted'),
    joined: parts('joined'),
  });
}
