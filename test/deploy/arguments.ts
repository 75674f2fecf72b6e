import { parseArgs } from 'node:util';
import { UserMistake } from '../../functions/runtime/errors.ts';

/** The options of `npm run test:deploy`. */
export interface Arguments {
  /** The file to write the counts to, as JSON: `{ passed, failed, skipped }`. */
  readonly report: string | undefined;
  /** The AWS account that is for tests. */
  readonly account: string | undefined;
  /** The database, as in the CDK app's context. */
  readonly database: string | undefined;
  /** Instead of running the suite, removes each statement from each role. */
  readonly statements: boolean;
}

export const USAGE = `usage: npm run test:deploy -- [--account <id> --database <json>] [--statements] [--report <file>]

Deploys the pipelines with cdk deploy, sends them data, and reconciles the results: at AWS_ENDPOINT_URL, or on a MiniStack that it starts.

  --account <id>    run on AWS, in this test account; needs --database too
  --database <json> a database that the functions and this machine can reach, as for -c database=
  --statements      instead, remove each action from each role, one after the other, and show what fails
  --report <file>   write the counts to this file, as JSON`;

const OPTIONS = {
  report: { type: 'string' },
  account: { type: 'string' },
  database: { type: 'string' },
  statements: { type: 'boolean', default: false },
} as const;

/** Parses the command line. Throws a `UserMistake` that names a wrong option or value. */
export function parseArguments(args: readonly string[]): Arguments {
  try {
    const { report, account, database, statements } = parseArgs({ args: [...args], options: OPTIONS }).values;
    if (account !== undefined && !/^\d{12}$/.test(account)) {
      throw new TypeError(`--account is '${account}'; an account has twelve digits`);
    }
    return { report, account, database, statements };
  } catch (error) {
    throw new UserMistake(`${(error as Error).message}\n\n${USAGE}`);
  }
}
