import { createServer } from 'node:http';
import { expect, test } from 'vitest';
import { startRunner } from '../../../infra/local/runner.ts';
import { closed, listen, portOf } from '../../../infra/local/servers/listening.ts';
import type { LocalStage } from '../../../infra/local/stage.ts';
import type { PipelinePlan } from '../../../infra/pipelines/plan.ts';

test('an --http-port that is taken gives one clear line', async () => {
  const taken = createServer();
  await listen(taken, 0);
  const step = { pipeline: 'sensors', name: 'devices', delivery: 'request' };
  const plans = [{ name: 'sensors', steps: [step], streams: [] }] as unknown as readonly PipelinePlan[];
  const stage = { clients: {}, names: { step: () => 'function' } } as unknown as LocalStage;
  const options = { plans, stage, functions: [], onLog: () => undefined, trace: () => () => undefined };
  await using running = new AsyncDisposableStack();
  const port = portOf(taken);
  await expect(startRunner({ ...options, httpPort: port }, running)).rejects.toThrow(
    `port ${port} for the source sensors/devices is in use: stop the process that listens on it, or choose another port`,
  );
  await closed(taken);
});
