import type { Command } from './command.ts';
import { compare } from './commands/compare.ts';
import { showConsole } from './commands/console.ts';
import { database } from './commands/database.ts';
import { deadLetters } from './commands/dead-letters.ts';
import { demo } from './commands/demo.ts';
import { dev } from './commands/dev.ts';
import { doctor } from './commands/doctor.ts';
import { kept } from './commands/kept.ts';
import { mappings } from './commands/mappings.ts';
import { pause } from './commands/pause.ts';
import { positions } from './commands/positions.ts';
import { query } from './commands/query.ts';
import { replay } from './commands/replay.ts';
import { resume } from './commands/resume.ts';
import { schema } from './commands/schema.ts';
import { sql } from './commands/sql.ts';
import { status } from './commands/status.ts';
import { tail } from './commands/tail.ts';
import { trace } from './commands/trace.ts';
import { why } from './commands/why.ts';

/** Every command by name, in the order in which `millrace --help` lists them. */
export const commands: Readonly<Record<string, Command>> = {
  demo,
  dev,
  console: showConsole,
  status,
  doctor,
  tail,
  why,
  trace,
  query,
  compare,
  'dead-letters': deadLetters,
  pause,
  resume,
  positions,
  replay,
  kept,
  database,
  mappings,
  sql,
  schema,
};
