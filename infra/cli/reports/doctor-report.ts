import type { Finding } from '../../operation/doctor/finding.ts';
import { textTable } from '../../text-table.ts';

const HEADER = ['checked', 'part', 'result', 'found'];

/** Formats a row for each finding; below the table what to do, and how many there are of each result. */
export function doctorReport(title: string, findings: readonly Finding[]): string {
  if (findings.length === 0)
    return `${title}\n\nthere is nothing to look at: no sink sends to a server that is not an emulator`;
  const rows = findings.map(({ of, what, state, found }) => [of, what, state, found]);
  const fixes = findings.flatMap(({ of, what, fix }) => (fix === undefined ? [] : [`${of}, ${what}: ${fix}`]));
  return [
    title,
    '',
    textTable(HEADER, rows),
    ...(fixes.length === 0 ? [] : ['', ...fixes]),
    '',
    `${countsOf(findings)}. docs/aws-checklist.md has what no command can look up`,
  ].join('\n');
}

function countsOf(findings: readonly Finding[]): string {
  const counts = Map.groupBy(findings, ({ state }) => state);
  return [...counts].map(([state, some]) => `${some.length} ${state}`).join(', ');
}
