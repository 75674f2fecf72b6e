import { UserMistake } from '../../functions/runtime/errors.ts';
import type { ReceivedEvent } from '../../functions/runtime/event.ts';
import { runnerOf } from '../../functions/runtime/sql/sql-transform.ts';
import type { NamedSchema } from '../pipelines/inline-sql.ts';
import { planForCondition } from './compile.ts';
import { statementOf } from './emit/statement-of.ts';
import type { Source } from './syntax/source-position.ts';
import { SqlMistake } from './syntax/source-position.ts';

/**
 * Compiles a condition (the text that could follow WHERE) to a function that tests an event of the stream. Throws a
 * `UserMistake` with line, column and caret if the condition is wrong. The function throws `EventRejected` if the event
 * has an invalid column or the condition fails on it.
 */
export async function conditionOn(
  source: Source,
  { name, schema }: NamedSchema,
): Promise<(event: ReceivedEvent) => boolean> {
  try {
    const run = runnerOf(statementOf(await planForCondition(source, name, schema)));
    return (event) => run(event).length > 0;
  } catch (error) {
    throw error instanceof SqlMistake ? new UserMistake(error.message) : error;
  }
}
