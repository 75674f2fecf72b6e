import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { Pipeline } from '../../pipelines/pipeline.ts';
import { print } from '../../terminal.ts';
import type { Command, CommandInvocation } from '../command.ts';

export const dev: Command = {
  summary: 'runs pipelines on this machine until Ctrl-C',
  usage: '[pipeline …] [options]',
  help: [
    'Runs all pipelines when none is named. A port that is not given is any free one. Every server listens on',
    '127.0.0.1 and refuses web pages. Nothing is kept when dev ends: at the next start, streams, tables and buckets',
    'are empty, and every file in the landing folder lands again.',
    '',
    '  --landing <folder>       folder that stands for the landing bucket (default: .millrace/landing)',
    '  --http-port <port>       port of the first source that answers requests; the next source takes the',
    '                           next port',
    '  --console-port <port>    port of the console',
    '  --postgres-port <port>   port of Postgres',
    '  --kinesis-port <port>    port of Kinesis',
    '  --dynamodb-port <port>   port of DynamoDB',
    '  --s3-port <port>         port of S3 and SQS',
    '  --load <per second>      puts a generator in the place of each source: so many events a second in all, which',
    '                           fit the schemas of the streams',
    '  --write                  let the pages of the console pause, resume and move steps, and redrive, mend and',
    '                           discard dead letters',
    '  --trace                  print every poll, batch, invocation and checkpoint as a line of JSON',
  ].join('\n'),
  examples: ['millrace dev sensors --http-port 8080', 'millrace dev shop --load 1000'],
  options: {
    landing: { type: 'string' },
    'http-port': { type: 'string' },
    'console-port': { type: 'string' },
    'postgres-port': { type: 'string' },
    'kinesis-port': { type: 'string' },
    'dynamodb-port': { type: 'string' },
    's3-port': { type: 'string' },
    load: { type: 'string' },
    write: { type: 'boolean' },
    trace: { type: 'boolean' },
  },
  async run({ values, positionals, signal }) {
    const { runDev } = await import('../../local/dev.ts');
    const { namedPipelines } = await import('../../local/start.ts');
    const { pipelines } = await import('../../pipelines/all.ts');
    const { readLock } = await import('../../schemas/lock.ts');
    const { withVersions } = await import('../../schemas/with-versions.ts');
    const named = withVersions(namedPipelines(pipelines, positionals), await readLock());
    const perSecond = loadOption(values.load);
    const options = {
      pipelines: perSecond === undefined ? named : await withLoad(named, perSecond),
      landing: typeof values.landing === 'string' ? values.landing : '.millrace/landing',
      ports: {
        ...portOption(values, 'http'),
        ...portOption(values, 'console'),
        ...portOption(values, 'postgres'),
        ...portOption(values, 'kinesis'),
        ...portOption(values, 'dynamodb'),
        ...portOption(values, 's3'),
      },
      write: values.write === true,
      trace: values.trace === true,
    };
    await runDev(options, print, signal);
    return 0;
  },
};

async function withLoad(pipelines: readonly Pipeline[], perSecond: number): Promise<readonly Pipeline[]> {
  const { underLoad } = await import('../../local/load.ts');
  return underLoad(pipelines, perSecond);
}

const MOST_PER_SECOND = 100_000;

function loadOption(given: CommandInvocation['values'][string]): number | undefined {
  if (given === undefined) return undefined;
  const perSecond = Number(given);
  if (perSecond > 0 && perSecond <= MOST_PER_SECOND) return perSecond;
  throw new UserMistake(`invalid --load '${given}'; use a number of events a second, up to ${MOST_PER_SECOND}`);
}

function portOption(values: CommandInvocation['values'], name: string): Readonly<Record<string, number>> {
  const given = values[`${name}-port`];
  if (given === undefined) return {};
  const port = Number(given);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return { [name]: port };
  throw new UserMistake(`invalid --${name}-port '${given}'; use a whole number from 1 to 65535`);
}
