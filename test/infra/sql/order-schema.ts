import { z } from 'zod';

export const Order = z.object({ order_id: z.int(), status: z.string(), sales: z.number() });

export const Numbers = z.object({ n: z.int() });

export const Numeric = z.object({ id: z.int(), n: z.number().optional().meta({ sql: 'numeric' }) });
