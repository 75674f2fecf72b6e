import type { ReceivedEvent } from '../../functions/runtime/event.ts';
import type { PipelineRun } from '../kit/pipeline-run.ts';
import type { TableCommit } from '../kit/tables.ts';

/**
 * Compares a table's change stream, of whose changes each has the row as it was, with what the table's transactions
 * have changed. Returns a line for each transaction that differs. So the changes, folded up to any committed position,
 * are the table at that position.
 */
export function differencesOfChanges(
  run: Pick<PipelineRun<Record<string, never>>, 'commits'> & {
    stream(name: never): { events(): readonly ReceivedEvent[] };
  },
  table: string,
  stream: string,
): readonly string[] {
  const events = run.stream(stream as never).events();
  const published = Map.groupBy(events, ({ source, sequence = '' }) => `${shardIn(source)} ${revisionIn(sequence)}`);
  const committed = new Map<string, TableCommit['rows']>(
    run
      .commits(table)
      .flatMap(({ shard, revision, rows }) => (rows.length === 0 ? [] : [[`${shard} ${revision}`, rows] as const])),
  );
  const all = new Set([...published.keys(), ...committed.keys()]);
  return [...all].flatMap((at) => {
    const expected = linesOf((committed.get(at) ?? []).map(({ old, now }) => changeOf(table, old, now)));
    const found = linesOf((published.get(at) ?? []).map(({ type, data }) => ({ type, data })));
    return expected === found
      ? []
      : [`the changes of ${at} are ${found || 'missing'}, and should be ${expected || 'none'}`];
  });
}

function changeOf(table: string, old: unknown, now: unknown): { readonly type: string; readonly data: object } {
  const what = old === undefined ? 'inserted' : now === undefined ? 'deleted' : 'updated';
  return { type: `${table}.${what}`, data: { ...((now ?? old) as object), before: old ?? null } };
}

function linesOf(changes: readonly { readonly type: string; readonly data: unknown }[]): string {
  return changes
    .map(({ type, data }) => `${type} ${JSON.stringify(data)}`)
    .toSorted()
    .join('; ');
}

/** `/<pipeline>/<step>/<shard>/<version>`. */
function shardIn(source: string): string {
  return source.split('/').slice(3, -1).join('/');
}

/** The first eight digits of a change's sequence are the revision. */
function revisionIn(sequence: string): number {
  return [...sequence.slice(0, 8)].reduce((value, digit) => value * 64 + DIGITS.indexOf(digit), 0);
}

const DIGITS = '-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz';
