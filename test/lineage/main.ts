import { runDemo } from '../../infra/local/demo/run.ts';
import { pipelines } from '../../infra/pipelines/all.ts';
import { type GivenOptions, runProof } from '../long-proof.ts';
import { resolveAll } from './resolve.ts';

const USAGE = `[--most 1000000]

Runs the demo, and asks for every row and every object that it has made why it is there. --most asks for so many of each
step. Ends with code 1 when one does not resolve.`;

await runProof({ command: 'npm run test:lineage', usage: USAGE, options: { most: { type: 'string' } } }, main);

async function main({ wholeNumber }: GivenOptions): Promise<void> {
  const most = wholeNumber('most', 1_000_000, 1);
  let faults = 0;
  const agrees = await runDemo(
    pipelines,
    {
      print: () => undefined,
      async afterwards(local) {
        const started = Date.now();
        const before = process.cpuUsage();
        for (const { step, found, asked, faults: ofStep } of await resolveAll(local, pipelines, most)) {
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
  process.exitCode = agrees && faults === 0 ? 0 : 1;
}
