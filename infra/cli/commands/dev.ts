import { UserMistake } from '../../../functions/runtime/errors.ts';
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
    '  --postgres-port <port>   port of Postgres',
    '  --kinesis-port <port>    port of Kinesis',
    '  --dynamodb-port <port>   port of DynamoDB',
    '  --s3-port <port>         port of S3 and SQS',
    '  --trace                  print every poll, batch, invocation and checkpoint as a line of JSON',
  ].join('\n'),
  examples: ['millrace dev sensors --http-port 8080'],
  options: {
    landing: { type: 'string' },
    'http-port': { type: 'string' },
    'postgres-port': { type: 'string' },
    'kinesis-port': { type: 'string' },
    'dynamodb-port': { type: 'string' },
    's3-port': { type: 'string' },
    trace: { type: 'boolean' },
  },
  async run({ values, positionals, signal }) {
    const { runDev } = await import('../../local/dev.ts');
    const { namedPipelines } = await import('../../local/start.ts');
    const { pipelines } = await import('../../pipelines/all.ts');
    const options = {
      pipelines: namedPipelines(pipelines, positionals),
      landing: typeof values.landing === 'string' ? values.landing : '.millrace/landing',
      ports: {
        ...portOption(values, 'http'),
        ...portOption(values, 'postgres'),
        ...portOption(values, 'kinesis'),
        ...portOption(values, 'dynamodb'),
        ...portOption(values, 's3'),
      },
      trace: values.trace === true,
    };
    await runDev(options, print, signal);
    return 0;
  },
};

function portOption(values: CommandInvocation['values'], name: string): Readonly<Record<string, number>> {
  const given = values[`${name}-port`];
  if (given === undefined) return {};
  const port = Number(given);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return { [name]: port };
  throw new UserMistake(`invalid --${name}-port '${given}'; use a whole number from 1 to 65535`);
}
