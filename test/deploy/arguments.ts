import { UserMistake } from '../../functions/runtime/errors.ts';
import { parseArguments as parse } from '../../infra/cli/arguments/parse.ts';

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

const COMMAND = 'npm run test:deploy --';

const OPTIONS = {
  report: { type: 'string' },
  account: { type: 'string' },
  database: { type: 'string' },
  statements: { type: 'boolean' },
} as const;

/** Parses the command line. Throws a `UserMistake` that names a wrong option or value. Undefined: it asks for help. */
export function parseArguments(args: readonly string[]): Arguments | undefined {
  const { values, positionals } = parse(COMMAND, { options: OPTIONS }, args);
  if (values.help === true) return undefined;
  const [surplus] = positionals;
  if (surplus !== undefined) throw new UserMistake(`unexpected argument '${surplus}'; see ${COMMAND} --help`);
  const text = (name: keyof typeof OPTIONS) => (values[name] === undefined ? undefined : String(values[name]));
  const [report, account, database] = [text('report'), text('account'), text('database')];
  if (account !== undefined && !/^\d{12}$/.test(account))
    throw new UserMistake(`--account is '${account}'; an account has twelve digits`);
  return { report, account, database, statements: values.statements === true };
}
