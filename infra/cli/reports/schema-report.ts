import { type SchemaFinding, sentenceOf } from '../../schemas/check.ts';
import { LOCK_FILE, type SchemaLock } from '../../schemas/lock.ts';
import { counted } from './counted.ts';

/** Says what the check has found: first what stops a deployment, then what nobody can tell, then what to know. */
export function schemaReport(lock: SchemaLock, findings: readonly SchemaFinding[]): string {
  const groups = HEADINGS.flatMap(([state, heading]) => {
    const found = findings.filter((finding) => finding.state === state);
    return found.length === 0 ? [] : [`${heading}\n${found.map((finding) => `  ${sentenceOf(finding)}`).join('\n')}`];
  });
  const versions = [...lock.values()].reduce((sum, each) => sum + each.length, 0);
  const checked = `checked: ${counted(versions, 'version')} of ${counted(lock.size, 'stream')}`;
  const refused = findings.filter(({ state }) => state === 'unlocked' || state === 'breaks').length;
  const isCertain = findings.every(({ state }) => state !== 'unsure');
  const none = isCertain ? 'no step refuses an event of them' : 'no step is known to refuse an event of them';
  const result = refused === 0 ? none : `${refused} to mend before a deployment`;
  return [...groups, `${checked}; ${result}`].join('\n\n');
}

const HEADINGS: readonly (readonly [SchemaFinding['state'], string])[] = [
  ['unlocked', 'not locked:'],
  ['breaks', 'refused:'],
  ['unsure', 'not certain:'],
  ['waits', 'readers first:'],
];

/** Says which versions a new lock file adds and drops. Undefined: none. */
export function lockReport(before: SchemaLock, after: SchemaLock): string | undefined {
  const lines = [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((stream) => {
    const [old, now] = [before, after].map((lock) => (lock.get(stream) ?? []).map(({ version }) => version));
    const added = now?.filter((version) => !old?.includes(version)) ?? [];
    const dropped = old?.filter((version) => !now?.includes(version)) ?? [];
    return [
      ...added.map((version) => `  added    ${stream}  ${version}`),
      ...dropped.map((version) => `  dropped  ${stream}  ${version}`),
    ];
  });
  if (lines.length === 0) return undefined;
  return [`wrote ${LOCK_FILE}:`, ...lines, 'read the diff, run millrace schema check, and commit the file'].join('\n');
}
