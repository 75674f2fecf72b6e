import type pg from 'pg';
import { textTable } from '../../text-table.ts';
import { type Check, sameRows } from './checks.ts';
import { sendAll } from './post.ts';
import { QUARTER_MILLIS, type ShopData } from './shop-data.ts';

type UrlOf = (source: string) => string;

/** Sends the customers. A sale or a rating meets its customer only when the customer came first. */
export async function sendCustomers(urlOf: UrlOf, { customers }: ShopData): Promise<void> {
  await sendAll(urlOf('shop/crm'), customers);
}

/** Sends what happens in the shop: the site, the till and the reviews at once, each in order. */
export async function sendShop(urlOf: UrlOf, { cart, sales, ratings }: ShopData): Promise<void> {
  const sold = sales.map((data) => ({ type: 'line.sold', time: data.sold, data }));
  const rated = ratings.map((data) => ({ type: 'product.rated', time: data.rated, data }));
  await Promise.all([
    sendCloudEvents(urlOf('shop/site'), '/site', cart),
    sendCloudEvents(urlOf('shop/till'), '/till', sold),
    sendCloudEvents(urlOf('shop/reviews'), '/reviews', rated),
  ]);
}

interface Happened {
  readonly type: string;
  readonly time: string;
  readonly data: object;
}

/** The sequence lets the pipeline recognize an event that is sent again. */
function sendCloudEvents(url: string, source: string, events: readonly Happened[]): Promise<number> {
  const numbered = events.map((event, index) => ({
    specversion: '1.0',
    id: `${index}`,
    source,
    sequence: `${index}`,
    ...event,
  }));
  return sendAll(url, numbered, 'application/cloudevents-batch+json');
}

/** Compares the shop's tables with what the events come to, computed here in plain code. */
export async function reconcileShop(database: pg.Client, data: ShopData): Promise<readonly Check[]> {
  const entries = async (select: string): Promise<string[]> =>
    (await database.query<{ entry: string }>(select)).rows.map(({ entry }) => entry);
  const basketsIn = (table: string): Promise<string[]> =>
    entries(`SELECT concat_ws(' ', customer_id, item, quantity) AS entry FROM ${table}`);
  const quarters = await entries(
    `SELECT concat_ws(' ', region, extract(epoch FROM window_start)::bigint, extract(epoch FROM window_end)::bigint, lines,
                      (sales * 10000)::bigint) AS entry FROM shop.region_quarters`,
  );
  const named = await entries(
    `SELECT concat_ws(' ', row_id, name, segment, (sales * 10000)::bigint) AS entry FROM sales_with_customers`,
  );
  const calls = await entries(`SELECT concat_ws(' ', rating_id, name, stars) AS entry FROM alerts`);
  return [
    ...sameRows('items in baskets', basketsOf(data), await basketsIn('shop.basket')),
    ...sameRows('items in the copy made of the changes', basketsOf(data), await basketsIn('basket_copy')),
    ...sameRows('sales by region and quarter of an hour', quartersOf(data), quarters),
    ...sameRows('sales joined with their customers', namedSalesOf(data), named),
    ...sameRows('alerts: bad ratings by the best customers', alertsOf(data), calls),
  ];
}

function basketsOf({ cart }: ShopData): string[] {
  const quantities = new Map<string, number>();
  for (const { type, data } of cart) {
    const key = `${data.customer_id} ${data.item}`;
    const left = (quantities.get(key) ?? 0) + (type === 'item.added' ? data.quantity : -data.quantity);
    if (left > 0) quantities.set(key, left);
    else quantities.delete(key);
  }
  return [...quantities].map(([key, quantity]) => `${key} ${quantity}`);
}

/** Each sale belongs to the quarter of an hour in which it was made. */
function quartersOf({ sales }: ShopData): string[] {
  const seconds = QUARTER_MILLIS / 1_000;
  const groups = Map.groupBy(sales, ({ region, sold }) => {
    const start = Math.floor(Date.parse(sold) / QUARTER_MILLIS) * seconds;
    return `${region} ${start} ${start + seconds}`;
  });
  return [...groups].map(([key, own]) => `${key} ${own.length} ${sum(own.map(tenThousandths))}`);
}

function namedSalesOf({ sales, customers }: ShopData): string[] {
  const byId = new Map(customers.map((customer) => [customer.customer_id, customer]));
  return sales.map((sale) => {
    const customer = byId.get(sale.customer_id);
    return `${sale.row_id} ${customer?.name} ${customer?.segment} ${tenThousandths(sale)}`;
  });
}

function alertsOf({ ratings, customers }: ShopData): string[] {
  const best = new Map(customers.filter(({ spent }) => spent >= 5_000).map((each) => [each.customer_id, each.name]));
  return ratings
    .filter(({ stars, customer_id }) => stars <= 2 && best.has(customer_id))
    .map(({ rating_id, customer_id, stars }) => `${rating_id} ${best.get(customer_id)} ${stars}`);
}

/** The export has four decimal places: whole numbers add up exactly. */
function tenThousandths({ sales }: { readonly sales: number }): number {
  return Math.round(sales * 10_000);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** Formats the first of the shop's answers. */
export async function shopReport(database: pg.Client): Promise<string> {
  const baskets = await database.query<{ item: string; quantity: string; customers: string }>(
    `SELECT item, sum(quantity) AS quantity, count(*) AS customers FROM shop.basket
     GROUP BY item ORDER BY sum(quantity) DESC, item LIMIT 3`,
  );
  const quarters = await database.query<{ quarter: string; region: string; lines: string; sales: string }>(
    `SELECT to_char(window_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') AS quarter, region, lines,
            to_char(sales, 'FM999,990.00') AS sales FROM shop.region_quarters
     ORDER BY region_quarters.sales DESC, window_start, region LIMIT 3`,
  );
  const calls = await database.query<{ name: string; spent: string; stars: string; product: string }>(
    `SELECT name, to_char(spent, 'FM999,990.00') AS spent, stars, product FROM alerts
     ORDER BY alerts.spent DESC, rating_id LIMIT 3`,
  );
  const basketTable = textTable(
    ['most in baskets now', 'pieces', 'baskets'],
    baskets.rows.map(({ item, quantity, customers }) => [item, Number(quantity), Number(customers)]),
  );
  const callTable = textTable(
    ['best customers to call', 'spent', 'stars', 'for'],
    calls.rows.map(({ name, spent, stars, product }) => [name, spent, Number(stars), product]),
  );
  const quarterTable = textTable(
    ['best quarters of an hour', 'region', 'lines', 'sales'],
    quarters.rows.map(({ quarter, region, lines, sales }) => [quarter, region, Number(lines), sales]),
  );
  return `${basketTable}\n\n${quarterTable}\n\n${callTable}\n`;
}
