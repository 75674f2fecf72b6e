import { orders } from './orders.ts';
import type { Pipeline } from './pipeline.ts';
import { sensors } from './sensors.ts';

/** Every pipeline: what is deployed, and what runs on a laptop. */
export const pipelines: readonly Pipeline[] = [orders, sensors];
