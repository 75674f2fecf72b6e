import { parseOrExplain, readStepConfig } from '../runtime/step-config.ts';
import { PostgresServer } from './postgres-login.ts';
import { askDatabase, Question, type Reply } from './query.ts';

/**
 * Asks a stage's database for an operator, inside the database's network. The question and the answer are never logged.
 * The function logs in as a role that only reads.
 */
export async function handler(event: unknown): Promise<Reply> {
  const { resources } = readStepConfig();
  const server = parseOrExplain(PostgresServer, resources, 'the resources of STEP_CONFIG');
  const question = parseOrExplain(Question, event, 'the question');
  return askDatabase(server, question, new AbortController().signal);
}
