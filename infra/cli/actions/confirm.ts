import { createInterface } from 'node:readline/promises';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import { cleanedFor, printError } from '../../terminal.ts';

/**
 * Asks a yes-or-no question on the terminal. Resolves to true at once with `--yes`. The end of the input counts as no.
 * Throws a `UserMistake` when standard input is no terminal. Rejects when the signal aborts.
 */
export async function confirm(
  question: string,
  { yes, signal }: { readonly yes: boolean; readonly signal: AbortSignal },
): Promise<boolean> {
  if (yes) return true;
  if (!process.stdin.isTTY)
    throw new UserMistake(`${question}\nstandard input is not a terminal; use --yes to go ahead without a question`);
  const isYes = /^y(es)?$/i.test(await answerTo(cleanedFor(process.stderr, `${question} [y/N] `).toString(), signal));
  if (!isYes) printError('nothing was done');
  return isYes;
}

async function answerTo(question: string, signal: AbortSignal): Promise<string> {
  // Not as a terminal: readline would then handle Ctrl-C itself, which the command has to see.
  const prompt = createInterface({ input: process.stdin, output: process.stderr, terminal: false });
  const ended = new Promise<string>((resolve) => prompt.once('close', () => resolve('')));
  try {
    return (await Promise.race([prompt.question(question, { signal }), ended])).trim();
  } finally {
    prompt.close();
  }
}
