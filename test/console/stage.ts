import { ownConsole } from '../../infra/local/own-console.ts';
import { type Local, startLocal } from '../../infra/local/start.ts';
import type { Pipeline } from '../../infra/pipelines/pipeline.ts';
import { sensors } from '../../infra/pipelines/sensors.ts';

/** A running pipeline with its console, and events for it. */
export interface Stage {
  readonly local: Local;
  readonly url: string;
  post(readings: readonly object[]): Promise<number>;
}

export async function startStage(
  running: AsyncDisposableStack,
  signal: AbortSignal,
  pipelines: readonly Pipeline[] = [sensors],
): Promise<Stage> {
  const local = await startLocal({ pipelines, onLog: () => {}, trace: () => () => {}, signal }, running);
  const url = await ownConsole(local, pipelines, { port: 0, running, writes: true, note: () => {} });
  const devices = local.runner.urls.get('sensors/devices') ?? '';
  return {
    local,
    url,
    async post(readings) {
      const headers = { 'content-type': 'application/json' };
      const { status } = await fetch(devices, { method: 'POST', headers, body: JSON.stringify(readings) });
      return status;
    },
  };
}

export function reading(sensor: string, more: object = {}): object {
  const date = '2026-01-01';
  return { sensor_id: sensor, date, precipitation: 0, temp_max: 1.5, temp_min: 0, wind: 1, weather: 'sun', ...more };
}
