import { createHash } from 'node:crypto';
import type { z } from 'zod';
import type { CartEvent } from '../../../functions/tables/basket.ts';
import type { Rating, Sale, ShopCustomer } from '../../../functions/transforms/shop-events.ts';
import { ordersFile, rowsOf } from './data.ts';

/** What happens in the shop while the demo runs. */
export interface ShopData {
  /** Of the export: every customer. */
  readonly customers: readonly z.input<typeof ShopCustomer>[];
  /** Of the export: what was sold in its last month. The times of day are made up: the export has days only. */
  readonly sales: readonly z.input<typeof Sale>[];
  /** Made up of the customers and products of the month before. */
  readonly cart: readonly CartChange[];
  /** Made up: one of each sale. */
  readonly ratings: readonly z.input<typeof Rating>[];
}

export interface CartChange {
  readonly type: 'item.added' | 'item.removed';
  readonly time: string;
  readonly data: z.input<typeof CartEvent>;
}

type Line = Readonly<Record<string, string>>;

const SEED = 7;
const SOLD_IN = '2017-12';
const IN_CARTS_IN = '2017-11';
/** How long windows of the shop are. */
export const QUARTER_MILLIS = 15 * 60_000;
/** The month's sales happen in this time before the demo: an event from the future would be rejected. */
const SPAN_MILLIS = 24 * QUARTER_MILLIS;

/**
 * Makes the shop's events, up to the last full quarter of an hour before a time. They are the same in every run, and so
 * is what each quarter has; only the times of the quarters differ.
 */
export async function shopData(nowMillis: number): Promise<ShopData> {
  const endMillis = Math.floor(nowMillis / QUARTER_MILLIS) * QUARTER_MILLIS;
  const lines = await rowsOf(ordersFile());
  const sold = inOrder(lines, SOLD_IN);
  const time = (index: number, count: number): string =>
    new Date(
      endMillis - SPAN_MILLIS + Math.floor(((index + chance('time', index)) / count) * SPAN_MILLIS),
    ).toISOString();
  return {
    customers: customersOf(lines),
    sales: sold.map((line, index) => saleOf(line, time(index, sold.length))),
    cart: cartOf(inOrder(lines, IN_CARTS_IN), time),
    ratings: sold.map((line, index) => ratingOf(line, time(index, sold.length))),
  };
}

function inOrder(lines: readonly Line[], month: string): readonly Line[] {
  return lines
    .filter((line) => line['Order Date']?.startsWith(month))
    .toSorted((a, b) => `${a['Order Date']}`.localeCompare(`${b['Order Date']}`) || rowOf(a) - rowOf(b));
}

function customersOf(lines: readonly Line[]): ShopData['customers'] {
  return [...Map.groupBy(lines, (line) => line['Customer ID'] as string)].map(([customer_id, own]) => ({
    customer_id,
    name: own[0]?.['Customer Name'] as string,
    segment: own[0]?.Segment as string,
    spent: Math.round(own.reduce((sum, { Sales }) => sum + Number(Sales), 0) * 100) / 100,
  }));
}

function saleOf(line: Line, sold: string): ShopData['sales'][number] {
  return {
    row_id: rowOf(line),
    order_id: line['Order ID'] as string,
    customer_id: line['Customer ID'] as string,
    region: line.Region as string,
    category: line.Category as string,
    product: line['Product Name'] as string,
    quantity: Number(line.Quantity),
    sales: Number(line.Sales),
    profit: Number(line.Profit),
    sold,
  };
}

/** Each line is put into its customer's cart. Of four in ten some is taken out again, or all. */
function cartOf(lines: readonly Line[], time: (index: number, count: number) => string): readonly CartChange[] {
  const changes = lines.flatMap((line): Omit<CartChange, 'time'>[] => {
    const row = rowOf(line);
    const [customer_id, item, quantity] = [
      line['Customer ID'] as string,
      line['Product Name'] as string,
      Number(line.Quantity),
    ];
    const added = { type: 'item.added' as const, data: { customer_id, item, quantity } };
    if (chance('is removed', row) > 0.4) return [added];
    const removed = 1 + Math.floor(chance('removed', row) * quantity);
    return [added, { type: 'item.removed', data: { customer_id, item, quantity: removed } }];
  });
  return changes.map((change, index) => ({ ...change, time: time(index, changes.length) }));
}

function ratingOf(line: Line, rated: string): ShopData['ratings'][number] {
  return {
    rating_id: rowOf(line),
    customer_id: line['Customer ID'] as string,
    product: line['Product Name'] as string,
    stars: 1 + Math.floor(chance('stars', rowOf(line)) * 5),
    rated,
  };
}

function rowOf(line: Line): number {
  return Number(line['Row ID']);
}

/** Returns a number from 0 to below 1: always the same for the same question. */
function chance(question: string, about: number): number {
  return createHash('sha256').update(`${SEED} ${question} ${about}`).digest().readUInt32BE() / 2 ** 32;
}
