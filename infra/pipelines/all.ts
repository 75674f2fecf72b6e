import type { Pipeline } from './pipeline.ts';

/** Every pipeline: what is deployed, and what runs on a laptop. */
export const pipelines: readonly Pipeline[] = [];
