import { createInterface } from 'node:readline/promises';
import { UserMistake } from '../../../functions/runtime/errors.ts';

/**
 * Asks on the terminal, unless `--yes` has said so already. Nobody there to answer: then `--yes` has to. Who goes away
 * says no. Rejects when the signal aborts.
 */
export async function confirmed(
  question: string,
  { yes, signal }: { readonly yes: boolean; readonly signal: AbortSignal },
): Promise<boolean> {
  if (yes) return true;
  if (!process.stdin.isTTY)
    throw new UserMistake(`${question}\nnobody is there to answer: --yes does it without asking`);
  const isYes = /^y(es)?$/i.test(await answerTo(`${question} [y/N] `, signal));
  if (!isYes) console.error('nothing was done');
  return isYes;
}

async function answerTo(question: string, signal: AbortSignal): Promise<string> {
  // Otherwise readline would take Ctrl-C for itself, before it is the command's.
  const asking = createInterface({ input: process.stdin, output: process.stderr, terminal: false });
  const ended = new Promise<string>((resolve) => asking.once('close', () => resolve('')));
  try {
    return (await Promise.race([asking.question(question, { signal }), ended])).trim();
  } finally {
    asking.close();
  }
}
