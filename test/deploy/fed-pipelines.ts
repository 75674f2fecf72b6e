import { orders } from '../../infra/pipelines/orders.ts';
import type { Pipeline } from '../../infra/pipelines/pipeline.ts';
import { sensors } from '../../infra/pipelines/sensors.ts';

/**
 * The pipelines that the suite deploys and feeds. The functions of the shop would keep the emulated AWS so busy with
 * looking for records that each step takes minutes.
 */
export const fedPipelines: readonly Pipeline[] = [orders, sensors];
