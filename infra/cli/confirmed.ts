import { createInterface } from 'node:readline/promises';
import { UserMistake } from '../../functions/runtime/errors.ts';

/** Asks on the terminal, unless `--yes` has said so already. Nobody there to answer: then `--yes` has to. */
export async function confirmed(
  question: string,
  { yes, signal }: { readonly yes: boolean; readonly signal: AbortSignal },
): Promise<boolean> {
  if (yes) return true;
  if (!process.stdin.isTTY)
    throw new UserMistake(`${question}\nnobody is there to answer: --yes does it without asking`);
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await asking.question(`${question} [y/N] `, { signal })).trim());
  } finally {
    asking.close();
  }
}
