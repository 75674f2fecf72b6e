import { parseArgs } from 'node:util';
import { UserMistake } from '../../functions/runtime/errors.ts';

/** What `npm run test:deploy --` is asked for. */
export interface Arguments {
  /** The file that takes the counts, as JSON: `{ passed, failed }`. */
  readonly report: string | undefined;
}

export const USAGE = `usage: npm run test:deploy -- [--report <file>]

deploys the pipelines with cdk deploy, sends them data, and reconciles what arrives

  --report <file>   writes the counts there, as JSON`;

/** Throws a `UserMistake` of what it does not know. */
export function parseArguments(args: readonly string[]): Arguments {
  try {
    const { values } = parseArgs({ args: [...args], options: { report: { type: 'string' } } });
    return { report: values.report };
  } catch (error) {
    throw new UserMistake(`${(error as Error).message}\n\n${USAGE}`);
  }
}
