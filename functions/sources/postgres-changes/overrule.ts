import type { ChunkRow } from './chunk-rows.ts';
import { UNCHANGED } from './relations.ts';

/** A change that the log has of a row. */
export interface SeenChange {
  readonly key: string;
  readonly xid: number;
  /** The JSON of its data, where values that did not change are missing in it. */
  readonly json?: string;
}

/**
 * Returns the rows of a chunk that the stream still needs, after changes that the chunk's statement did not see: a
 * changed row is in the stream, or gone. Where the stream has only a part of it, the part is laid over the chunk's row.
 */
export function overrule(rows: readonly ChunkRow[], unseen: readonly SeenChange[]): readonly ChunkRow[] {
  const changesOf = new Map<string, SeenChange[]>();
  for (const change of unseen) {
    const changes = changesOf.get(change.key) ?? [];
    changes.push(change);
    changesOf.set(change.key, changes);
  }
  return rows.flatMap((row) => {
    const changes = changesOf.get(row.key);
    if (changes === undefined) return [row];
    if (changes.some(({ json }) => json === undefined)) return [];
    return [{ ...row, json: changes.reduce((under, { json = '{}' }) => laidOver(under, json), row.json) }];
  });
}

function laidOver(under: string, over: string): string {
  const { [UNCHANGED]: _, ...known } = parseExactly(over);
  return JSON.stringify({ ...parseExactly(under), ...known });
}

/** Parses JSON, and keeps the digits of numbers as they are written. */
function parseExactly(json: string): Record<string, unknown> {
  const { parse, rawJSON } = JSON as unknown as ExactJson;
  return parse(json, (_, value, { source }) => (typeof value === 'number' ? rawJSON(source) : value));
}

/** What JSON can since V8 11.4, and TypeScript does not know yet. */
interface ExactJson {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source: string }) => unknown,
  ): Record<string, unknown>;
  rawJSON(text: string): unknown;
}
