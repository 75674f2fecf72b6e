import type { z } from 'zod';
import type { CartEvent } from '../../functions/tables/basket.ts';
import type { Sale, ShopCustomer } from '../../functions/transforms/shop-events.ts';
import { minutes } from '../../infra/pipelines/pipeline.ts';

/** An event for the kiosk's streams, before it has a source and a place in the log. */
export interface KioskEvent {
  readonly type: string;
  readonly key: string;
  readonly millis: number;
  readonly data: object;
}

type Sold = KioskEvent & { readonly data: z.infer<typeof Sale> };

/** What the suite appends to the kiosk's streams. */
export interface KioskInput {
  readonly cart: readonly (KioskEvent & { readonly data: z.infer<typeof CartEvent> })[];
  readonly customers: readonly (KioskEvent & { readonly data: z.infer<typeof ShopCustomer> })[];
  /** They come before the tick. The last one is in a window that the tick does not close. */
  readonly sales: readonly Sold[];
  readonly tickMillis: number;
  /** It comes after the tick, for a window that has closed. */
  readonly late: Sold;
}

/** What the kiosk's tables, streams and dead letters have to hold after that input, each entry as a text. */
export interface KioskAnswer {
  readonly basket: readonly string[];
  readonly quarters: readonly string[];
  readonly named: readonly string[];
  readonly late: readonly string[];
}

const QUARTER_MILLIS = minutes(15);
/** As the copy of sales-by-quarter.sql has it that the suite deploys. */
const GRACE_MILLIS = minutes(120);

const REGIONS = ['East', 'North', 'South', 'West'];
const ITEMS = ['cup', 'lamp', 'pen'];
const CARTS = 90;
const SALES = 60;

/** Makes the input. Sales are of the last hour, so that they are in five windows or six. */
export function kioskInput(nowMillis: number): KioskInput {
  const sale = (number: number, millis: number): Sold => {
    const region = REGIONS[number % REGIONS.length] as string;
    const sold = new Date(millis).toISOString();
    const line = { row_id: number, order_id: `o-${number >> 1}`, customer_id: customerOf(number), region, sold };
    const data = { ...line, category: 'Paper', product: 'pad', quantity: 1, sales: number, profit: 1 };
    return { type: 'line.sold', key: region, millis, data };
  };
  const startOf = (millis: number): number => Math.floor(millis / QUARTER_MILLIS) * QUARTER_MILLIS;
  const since = (number: number): number => nowMillis - minutes(SALES - 1 - number);
  return {
    cart: Array.from({ length: CARTS }, (_, number) => ({
      type: number % 5 > 2 ? 'item.removed' : 'item.added',
      key: customerOf(number),
      millis: nowMillis,
      data: {
        customer_id: customerOf(number),
        item: ITEMS[(number >> 2) % ITEMS.length] as string,
        quantity: 1 + (number % 7),
      },
    })),
    // The last customer is unknown, and the first one changes.
    customers: ['first', 'second', 'third', 'first, renamed'].map((name, number) => ({
      type: 'customer.changed',
      key: customerOf(number % 3),
      millis: nowMillis,
      data: { customer_id: customerOf(number % 3), name, segment: `segment ${number}`, spent: number },
    })),
    sales: Array.from({ length: SALES }, (_, number) => sale(number, since(number))),
    // A millisecond before it closes the window of the last sale.
    tickMillis: startOf(nowMillis) + QUARTER_MILLIS + GRACE_MILLIS - 1,
    late: sale(SALES, since(0)),
  };
}

function customerOf(number: number): string {
  return `c-${number % 4}`;
}

/** Computes the answer from the input alone. */
export function kioskAnswer({ cart, customers, sales, tickMillis, late }: KioskInput): KioskAnswer {
  const names = new Map(customers.map(({ data: { customer_id, name } }) => [customer_id, name]));
  const left = new Map<string, number>();
  for (const { type, data } of cart) {
    const row = `${data.customer_id} ${data.item}`;
    const quantity = (left.get(row) ?? 0) + (type === 'item.removed' ? -data.quantity : data.quantity);
    if (quantity > 0) left.set(row, quantity);
    else left.delete(row);
  }
  const groups = Map.groupBy(sales, ({ millis, data }) => {
    const start = Math.floor(millis / QUARTER_MILLIS) * QUARTER_MILLIS;
    return `${data.region} ${new Date(start).toISOString()}`;
  });
  const closed = [...groups].filter(([group]) => {
    const start = Date.parse(group.slice(group.indexOf(' ') + 1));
    return start + QUARTER_MILLIS + GRACE_MILLIS <= tickMillis;
  });
  return {
    basket: [...left].map(([row, quantity]) => `${row} ${quantity}`),
    quarters: closed.map(([group, lines]) => {
      const sum = lines.reduce((total, { data }) => total + data.sales, 0);
      return `${group} ${lines.length} ${sum}`;
    }),
    named: [...sales, late].map(({ data }) => `${data.row_id} ${names.get(data.customer_id) ?? null}`),
    late: [`${late.data.row_id} late`],
  };
}
