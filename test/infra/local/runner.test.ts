import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startRunner } from '../../../infra/local/runner.ts';
import { closed, listen, portOf } from '../../../infra/local/servers/listening.ts';
import type { LocalStage } from '../../../infra/local/stage.ts';
import type { PipelinePlan, StepPlan } from '../../../infra/pipelines/plan.ts';
import { eventually } from '../../eventually.ts';

test('an --http-port that is taken gives one clear line', async () => {
  const taken = createServer();
  await listen(taken, 0);
  const step = { pipeline: 'sensors', name: 'devices', delivery: 'request' };
  const plans = [{ name: 'sensors', ticked: [], steps: [step], streams: [] }] as unknown as readonly PipelinePlan[];
  const stage = { clients: {}, names: { step: () => 'function' } } as unknown as LocalStage;
  const options = { plans, stage, functions: [], onLog: () => undefined, trace: () => () => undefined };
  await using running = new AsyncDisposableStack();
  const port = portOf(taken);
  await expect(startRunner({ ...options, httpPort: port }, running)).rejects.toThrow(
    `port ${port} for the source sensors/devices is in use: stop the process that listens on it, or choose another port`,
  );
  await closed(taken);
});

test('a run that is cut off because dev ends is not reported as failed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-runner-'));
  const bundlePath = join(folder, 'endless.mjs');
  await writeFile(
    bundlePath,
    `export const handler = () => { console.log('begun'); return new Promise(() => setInterval(() => {}, 1_000)); };`,
  );
  const endless = {
    name: 'lake',
    bundlePath,
    handlerName: 'handler',
    environment: {},
    timeoutMillis: 900_000,
    memoryMb: 128,
  };
  const step = { pipeline: 'sensors', name: 'lake', delivery: 'scheduled', every: 60_000 };
  const plans = [{ name: 'sensors', ticked: [], steps: [step], streams: [] }] as unknown as readonly PipelinePlan[];
  const stage = { clients: {}, names: { step: () => 'lake' } } as unknown as LocalStage;
  const said: string[] = [];
  const options = { plans, stage, functions: [endless], onLog: (_: string, line: string) => void said.push(line) };
  const traced: string[] = [];
  const running = new AsyncDisposableStack();
  const { runNow } = await startRunner(
    {
      ...options,
      trace:
        () =>
        ({ did }) =>
          void traced.push(did),
    },
    running,
  );
  const ended = runNow(step as unknown as StepPlan).catch(() => undefined);
  await eventually(() => expect(said).toContain('begun'));
  await running.disposeAsync();
  await ended;
  expect(traced.filter((did) => did.endsWith('failed'))).toEqual([]);
  await rm(folder, { recursive: true });
});
