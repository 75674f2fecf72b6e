import { customers } from './customers.ts';
import { orders } from './orders.ts';
import type { Pipeline } from './pipeline.ts';
import { sensors } from './sensors.ts';
import { shop } from './shop.ts';

/** Every pipeline that is deployed, and that runs on a laptop. Add yours here. */
export const pipelines: readonly Pipeline[] = [orders, sensors, shop, customers];
