import { customers } from '../../../infra/pipelines/customers.ts';
import { orders } from '../../../infra/pipelines/orders.ts';
import type { Pipeline } from '../../../infra/pipelines/pipeline.ts';
import { sensors } from '../../../infra/pipelines/sensors.ts';
import { shop } from '../../../infra/pipelines/shop.ts';

/**
 * The pipelines that come with Millrace, whatever its user has added to `infra/pipelines/all.ts`: for tests that count
 * or name what these have.
 */
export const shipped: readonly Pipeline[] = [orders, sensors, shop, customers];
