import type { Command } from './command.ts';
import { demo } from './commands/demo.ts';
import { dev } from './commands/dev.ts';
import { kept } from './commands/kept.ts';
import { mappings } from './commands/mappings.ts';
import { sql } from './commands/sql.ts';

/** Every command by its name, in the order of the overview. */
export const commands: Readonly<Record<string, Command>> = {
  demo,
  dev,
  kept,
  mappings,
  sql,
};
