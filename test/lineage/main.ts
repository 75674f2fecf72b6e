import { parseArgs } from 'node:util';
import { runDemo } from '../../infra/local/demo/run.ts';
import { pipelines } from '../../infra/pipelines/all.ts';
import { resolveAll } from './resolve.ts';

/**
 * Runs the demo and asks for every row and every object that it has made why it is there: `npm run test:lineage`, or
 * with `-- --most 100` for so many of each step.
 */
const { values } = parseArgs({ options: { most: { type: 'string', default: '1000000' } } });
let faults = 0;
const agrees = await runDemo(
  pipelines,
  {
    print: () => undefined,
    async afterwards(local) {
      const started = Date.now();
      const before = process.cpuUsage();
      for (const { step, found, asked, faults: ofStep } of await resolveAll(local, pipelines, Number(values.most))) {
        console.log(`${step}: ${asked - ofStep.length} of ${asked} resolve, of ${found} that there are`);
        for (const fault of ofStep.slice(0, 5)) console.log(`  ${fault}`);
        faults += ofStep.length + (found === 0 ? 1 : 0);
      }
      const { user, system } = process.cpuUsage(before);
      const seconds = (millis: number): string => `${(millis / 1_000).toFixed(1)} s`;
      console.log(`asked for ${seconds(Date.now() - started)}, ${seconds((user + system) / 1_000)} of CPU here`);
    },
  },
  new AbortController().signal,
);
process.exit(agrees && faults === 0 ? 0 : 1);
