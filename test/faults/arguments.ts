import { parseArgs } from 'node:util';
import { UserMistake } from '../../functions/runtime/errors.ts';

/** The options of `npm run test:faults`. */
export interface Options {
  readonly schedules: number;
  readonly seed: number;
  readonly brief: boolean;
  readonly help: boolean;
  /** How many processes to kill; undefined to play schedules instead. */
  readonly kills?: number;
  readonly mistake?: string;
}

/** Parses the command line. Throws a `UserMistake` that names a wrong option or value. */
export function parseOptions(args: readonly string[], mistakes: readonly string[]): Options {
  const { schedules, seed, kills, mistake, brief, help } = parsed(args);
  if (mistake !== undefined && !mistakes.includes(mistake))
    throw new UserMistake(`unknown mistake '${mistake}'; use one of ${mistakes.join(', ')}`);
  return {
    schedules: wholeNumber('--schedules', schedules, 1),
    seed: wholeNumber('--seed', seed, 0),
    brief,
    help,
    ...(kills === undefined ? {} : { kills: wholeNumber('--kills', kills, 1) }),
    ...(mistake === undefined ? {} : { mistake }),
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        schedules: { type: 'string', default: '500' },
        seed: { type: 'string', default: '0' },
        mistake: { type: 'string' },
        brief: { type: 'boolean', default: false },
        kills: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    throw new UserMistake((error as Error).message);
  }
}

function wholeNumber(option: string, given: string, least: number): number {
  const number = Number(given);
  if (/^\d+$/.test(given) && Number.isSafeInteger(number) && number >= least) return number;
  throw new UserMistake(`${option} is '${given}'; use a whole number, ${least} or more`);
}
