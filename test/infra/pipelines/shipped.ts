import { orders } from '../../../infra/pipelines/orders.ts';
import type { Pipeline } from '../../../infra/pipelines/pipeline.ts';
import { sensors } from '../../../infra/pipelines/sensors.ts';

/**
 * The pipelines that come with Millrace, whatever its user has added to `infra/pipelines/all.ts`: for tests that count
 * or name what these two have.
 */
export const shipped: readonly Pipeline[] = [orders, sensors];
