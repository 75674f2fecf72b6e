import { openConsole } from '../console/open-console.ts';
import { pipelineFinder } from '../operation/find-step.ts';
import type { Pipeline } from '../pipelines/pipeline.ts';
import { localRates } from './local-rates.ts';
import type { Local } from './start.ts';
import { localTarget } from './target.ts';

const LOOK_EVERY_MILLIS = 2_000;

interface OwnConsole {
  readonly port: number;
  readonly running: AsyncDisposableStack;
  /** Pages may change things. */
  readonly writes: boolean;
  readonly note: (said: string) => void;
}

/** Serves the console of a dev in the dev's own process, until `running` is disposed of. Resolves to its URL. */
export async function ownConsole(
  { servers, stage, runner, counts }: Local,
  pipelines: readonly Pipeline[],
  { port, running, writes, note }: OwnConsole,
): Promise<string> {
  const { kinesis, dynamodb, s3, sqs } = servers;
  const target = running.use(
    localTarget(
      { kinesis, dynamodb, s3, sqs, lambda: runner.invokeUrl, iceberg: stage.resources.iceberg.endpoint },
      stage.resources.database,
    ),
  );
  const title = 'dev on this machine';
  const find = pipelineFinder(pipelines, { pipelines: undefined, title });
  return openConsole(
    {
      source: {
        title,
        options: '',
        target,
        find,
        hidesData: false,
        lookEveryMillis: LOOK_EVERY_MILLIS,
        rates: localRates(counts),
        writes,
        note,
      },
      port,
    },
    running,
  );
}
