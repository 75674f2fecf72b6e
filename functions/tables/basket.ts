import { z } from 'zod';
import { defineTable } from '../runtime/table.ts';
import { tableHandler } from '../table-state/table-handler.ts';

export const CartEvent = z.object({
  customer_id: z.string(),
  item: z.string(),
  quantity: z.int32().positive(),
});

export const BasketRow = z.object({
  customer_id: z.string(),
  item: z.string(),
  quantity: z.int32(),
  changed: z.iso.datetime({ offset: true }),
});

/** Keeps what is in each customer's basket now: `item.added` and `item.removed` make it. */
export const basket = defineTable({
  entry: import.meta.url,
  from: CartEvent,
  row: BasketRow,
  key: ['customer_id', 'item'],
  reduce: (row, { type, time, data }) => {
    const { customer_id, item, quantity } = data;
    const left = (row?.quantity ?? 0) + (type === 'item.removed' ? -quantity : quantity);
    return left > 0 ? { customer_id, item, quantity: left, changed: time } : undefined;
  },
});

export const handler = tableHandler(basket);
