import { defineTransform } from '../runtime/transform.ts';
import { transformHandler } from '../runtime/transform-handler.ts';
import { Order } from './order-events.ts';

/** The orders that are complete, as they came. */
export const completedOrders = defineTransform({
  entry: import.meta.url,
  from: Order,
  to: Order,
  apply: (order) => (order.data.status === 'COMPLETE' ? [order] : []),
});

export const handler = transformHandler(completedOrders);
