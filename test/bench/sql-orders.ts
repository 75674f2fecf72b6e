import { z } from 'zod';
import type { Random } from '../infra/sql/random.ts';
import { seeded } from '../infra/sql/random.ts';

/** The columns that a statement over the orders can use. */
export const Order = z.object({
  order_id: z.int(),
  order_date: z.iso.datetime(),
  status: z.string(),
  customer: z.string(),
  quantity: z.int32(),
  price: z.number(),
  sales: z.number(),
});

/** The columns that a windowed statement over the orders uses. */
export const TimedOrder = z.object({
  order_date: z.iso.datetime(),
  city: z.string(),
  sales: z.number(),
});

const STATUSES = ['COMPLETE', 'PENDING', 'SHIPPED', 'CANCELLED'];
const CITIES = ['Amsterdam', 'Nantes', 'Reims', 'New York', 'Melbourne', 'Bergen', 'Singapore'];

/** Makes order events of about 300 bytes, as JSON.stringify writes them. */
export function orders(count: number): Buffer {
  const random = seeded(1);
  return lines(count, (n) => JSON.stringify(order(random, n)));
}

/** Makes the same orders in about the order of their times: one every two seconds, and some up to 15 minutes late. */
export function ordersInTime(count: number): Buffer {
  const random = seeded(3);
  const first = Date.parse('2026-03-01T00:00:00Z');
  return lines(count, (n) => {
    const late = random.below(10) === 0 ? random.below(900_000) : 0;
    const time = new Date(first + n * 2000 - late).toISOString().replace('.000Z', 'Z');
    return JSON.stringify({ ...order(random, n), order_date: time });
  });
}

function order(random: Random, n: number) {
  return {
    order_id: 10_000_000 + n,
    order_date: `2026-${two(1 + random.below(12))}-${two(1 + random.below(28))}T${two(random.below(24))}:${two(random.below(60))}:00Z`,
    status: random.pick(STATUSES),
    customer: `Customer ${random.below(90_000)}`,
    city: random.pick(CITIES),
    country: 'Netherlands',
    product_line: 'Classic Cars',
    product_code: `S${random.below(90)}_${1000 + random.below(9000)}`,
    quantity: 1 + random.below(90),
    price: random.below(20_000) / 100,
    sales: random.below(1_000_000) / 100,
    deal_size: random.pick(['Small', 'Medium', 'Large']),
  };
}

const two = (value: number): string => String(value).padStart(2, '0');

/** Makes events that slow a scanner down: long texts, many escapes, and keys in a different order each time. */
export function hostileOrders(count: number): Buffer {
  const random = seeded(2);
  return lines(count, (n) => {
    const fields = Object.entries({
      ...order(random, n),
      note: 'said "so"\n\\ and more '.repeat(random.below(20)),
      remark: 'é'.repeat(random.below(200)),
    });
    for (let i = fields.length - 1; i > 0; i -= 1) {
      const j = random.below(i + 1);
      [fields[i], fields[j]] = [fields[j]!, fields[i]!];
    }
    return JSON.stringify(Object.fromEntries(fields));
  });
}

function lines(count: number, line: (n: number) => string): Buffer {
  const parts: Buffer[] = [];
  for (let n = 0; n < count; n += 10_000)
    parts.push(Buffer.from(Array.from({ length: Math.min(10_000, count - n) }, (_, i) => `${line(n + i)}\n`).join('')));
  return Buffer.concat(parts);
}
