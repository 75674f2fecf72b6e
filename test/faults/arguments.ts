import { parseArgs } from 'node:util';
import { UserMistake } from '../../functions/runtime/errors.ts';

/** What the command of the crash matrix was asked for. */
export interface Asked {
  readonly schedules: number;
  readonly seed: number;
  readonly brief: boolean;
  readonly help: boolean;
  /** Undefined: schedules are played. */
  readonly kills?: number;
  readonly mistake?: string;
}

/** Throws a `UserMistake` that names what cannot be meant. */
export function askedOf(args: readonly string[], mistakes: readonly string[]): Asked {
  const { schedules, seed, kills, mistake, brief, help } = parsed(args);
  if (mistake !== undefined && !mistakes.includes(mistake))
    throw new UserMistake(`there is no mistake '${mistake}' to plant: there are ${mistakes.join(', ')}`);
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

function wholeNumber(option: string, said: string, least: number): number {
  const number = Number(said);
  if (/^\d+$/.test(said) && Number.isSafeInteger(number) && number >= least) return number;
  throw new UserMistake(`${option} is '${said}': it takes a whole number from ${least} on`);
}
