import { cutText } from '../../../functions/runtime/cut-text.ts';
import type { Reject } from './csv/input-reader.ts';

/** Prints the first rejected lines, and counts all of them by reason. */
export interface RejectionReport {
  /** Returns the function that takes the rejected lines of a file. */
  readonly rejectOf: (name: string) => Reject;
  readonly count: () => number;
  /** Prints the counts, if not every line was printed, and what to do about values of another type than inferred. */
  readonly end: (isInferred: boolean) => Promise<void>;
}

/** So many lines are printed one by one. */
const PRINTED = 10;
/** So many characters of a reason are printed: it may quote a value of any length. */
const LONGEST_SHOWN = 400;
/** So many reasons are counted apart. */
const REASONS = 20;

export function rejectionReport(print: (text: string) => Promise<void>): RejectionReport {
  const counts = new Map<string, { readonly example: string; count: number }>();
  let count = 0;
  let others = 0;
  let hasMisfits = false;
  const add = (example: string, reason: string): void => {
    count += 1;
    hasMisfits ||= MISFIT.test(reason);
    const kind = kindOf(reason);
    const group = counts.get(kind);
    if (group !== undefined) group.count += 1;
    else if (counts.size < REASONS) counts.set(kind, { example, count: 1 });
    else others += 1;
  };
  return {
    count: () => count,
    rejectOf: (name) => async (rejected) => {
      let text = '';
      for (const { line, reason } of rejected) {
        const example = `${name}:${line}: ${cutText(reason, LONGEST_SHOWN)}`;
        if (count < PRINTED) text += `${example}\n`;
        add(example, reason);
      }
      if (text !== '') await print(text);
    },
    async end(isInferred) {
      if (count > PRINTED) await print(summary());
      if (isInferred && hasMisfits) await print(TYPES_HINT);
    },
  };

  function summary(): string {
    const groups = [...counts.values()].toSorted((a, b) => b.count - a.count);
    const lines = [
      `${count} lines were rejected; the first ${PRINTED} are above. By reason:`,
      ...groups.map((group) => `${String(group.count).padStart(8)} × such as ${group.example}`),
      ...(others === 0 ? [] : [`${String(others).padStart(8)} × other reasons`]),
    ];
    return `${lines.join('\n')}\n`;
  }
}

/** What a value of another type than its column gives. */
const MISFIT = /^column ".*" must be /;
const TYPES_HINT =
  'hint: each column has the type that the first lines show; give it another one with --schema file.ts#export\n';

/** Returns what rejections of one kind have in common: the reason without the values and numbers in it. */
const kindOf = (reason: string): string =>
  reason
    .slice(0, LONGEST_SHOWN)
    .replace(/(?<!\bcolumn )"(?:[^"\\]|\\.)*"?/g, '"…"')
    .replace(/(?<![:\d])\d+/g, '#')
    .replace(/ is not JSON: .*/, ' is not JSON')
    .replace(/^(column ".*?" must be [^,]*), .*/, '$1');
