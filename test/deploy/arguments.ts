import { parseArgs } from 'node:util';
import { UserMistake } from '../../functions/runtime/errors.ts';

/** What `npm run test:deploy --` is asked for. */
export interface Arguments {
  /** The file that takes the counts, as JSON: `{ passed, failed }`. */
  readonly report: string | undefined;
  /** The account that is for tests. */
  readonly account: string | undefined;
  /** As the CDK app's context has it. */
  readonly database: string | undefined;
  /** Takes each statement away from each role, instead of the suite. */
  readonly statements: boolean;
}

export const USAGE = `usage: npm run test:deploy -- [--account <id> --database <json>] [--statements] [--report <file>]

deploys the pipelines with cdk deploy, sends them data, and reconciles what arrives: at AWS_ENDPOINT_URL, or on a MiniStack of its own

  --account <id>    on AWS, in this account, which is for tests; takes --database too
  --database <json> a database that the functions and this machine reach, as -c database= has it
  --statements      instead, takes each action away from each role, one after the other, and shows what fails then
  --report <file>   writes the counts there, as JSON`;

const OPTIONS = {
  report: { type: 'string' },
  account: { type: 'string' },
  database: { type: 'string' },
  statements: { type: 'boolean', default: false },
} as const;

/** Throws a `UserMistake` of what it does not know. */
export function parseArguments(args: readonly string[]): Arguments {
  try {
    const { report, account, database, statements } = parseArgs({ args: [...args], options: OPTIONS }).values;
    if (account !== undefined && !/^\d{12}$/.test(account)) {
      throw new TypeError(`--account is '${account}': an account has twelve digits`);
    }
    return { report, account, database, statements };
  } catch (error) {
    throw new UserMistake(`${(error as Error).message}\n\n${USAGE}`);
  }
}
