import { UserMistake } from '../../functions/runtime/errors.ts';
import { parseArguments } from '../../infra/cli/arguments/parse.ts';
import { wholeNumber } from '../long-proof.ts';

/** The options of `npm run test:faults`. */
export interface Options {
  readonly schedules: number;
  readonly seed: number;
  readonly brief: boolean;
  readonly help: boolean;
  /** How many processes to kill; undefined to play schedules instead. */
  readonly kills?: number;
  readonly mistake?: string;
  /** Plays schedules of tables only. */
  readonly only?: 'tables';
}

/** Parses the command line. Throws a `UserMistake` that names a wrong option or value. */
export function parseOptions(args: readonly string[], mistakes: readonly string[]): Options {
  const { schedules, seed, kills, mistake, only, brief, help } = parsed(args);
  if (mistake !== undefined && !mistakes.includes(mistake))
    throw new UserMistake(`unknown mistake '${mistake}'; use one of ${mistakes.join(', ')}`);
  if (only !== undefined && only !== 'tables') throw new UserMistake(`--only is '${only}'; use tables`);
  if (only !== undefined && mistake !== undefined)
    throw new UserMistake('--only and --mistake exclude each other: the mistakes are those of the chain');
  return {
    schedules: wholeNumber('--schedules', schedules, 1),
    seed: wholeNumber('--seed', seed, 0),
    brief,
    help,
    ...(kills === undefined ? {} : { kills: wholeNumber('--kills', kills, 1) }),
    ...(mistake === undefined ? {} : { mistake }),
    ...(only === undefined ? {} : { only }),
  };
}

const COMMAND = 'npm run test:faults --';

const OPTIONS = {
  schedules: { type: 'string' },
  seed: { type: 'string' },
  mistake: { type: 'string' },
  only: { type: 'string' },
  brief: { type: 'boolean' },
  kills: { type: 'string' },
} as const;

/** Every value is as its option says: the parser refuses others. */
function parsed(args: readonly string[]) {
  const { values, positionals } = parseArguments(COMMAND, { options: OPTIONS }, args);
  const [surplus] = positionals;
  if (surplus !== undefined) throw new UserMistake(`unexpected argument '${surplus}'; see ${COMMAND} --help`);
  const { schedules = '500', seed = '0', kills, mistake, only, brief = false, help = false } = values;
  return {
    schedules: String(schedules),
    seed: String(seed),
    kills: kills === undefined ? undefined : String(kills),
    mistake: mistake === undefined ? undefined : String(mistake),
    only: only === undefined ? undefined : String(only),
    brief: brief === true,
    help: help === true,
  };
}
