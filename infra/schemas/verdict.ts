import { z } from 'zod';
import { type Doubt, doubtsOf } from './doubts.ts';
import { examplesOf } from './examples.ts';
import { readerTypeOf, type SchemaVersion, versionOf } from './version.ts';

/** Whether a reader takes every value of a version. */
export type Verdict =
  | { readonly kind: 'takes' }
  /** An example of the version's values that the reader refuses. */
  | { readonly kind: 'breaks'; readonly field: string; readonly message: string; readonly example: unknown }
  /**
   * Neither is shown: `code` of the reader, a refinement for instance, checks the fields, or no example was found.
   */
  | { readonly kind: 'unsure'; readonly fields: readonly string[]; readonly because: Doubt['about'] };

/**
 * Decides whether a reader takes every value of a version: by the structure of both, and where that does not show it by
 * examples, which zod itself checks. `reads` are the fields that the reader looks at; undefined: all.
 */
export function verdictOf(reader: z.ZodType, written: SchemaVersion, reads?: readonly string[]): Verdict {
  if (versionOf(reader).version === written.version) return { kind: 'takes' };
  const taken = readerTypeOf(reader);
  const isObject = written.schema.type === 'object';
  const doubts = doubtsOf(taken, written.schema).filter(
    ({ path: [first] }) => reads === undefined || (first === undefined ? !isObject : reads.includes(first)),
  );
  const inValues = doubts.filter(({ about }) => about === 'values');
  const found = inValues.length === 0 ? undefined : counterexample(reader, inValues, { written, taken });
  if (found !== undefined) return found;
  const [first] = inValues.length > 0 ? inValues : doubts;
  if (first === undefined) return { kind: 'takes' };
  const fields = doubts.filter(({ about }) => about === first.about).map(({ path }) => textOf(path));
  return { kind: 'unsure', fields: [...new Set(fields)], because: first.about };
}

/** Finds a value of the version that the reader refuses in a part that is in doubt. Code of its own is not judged. */
function counterexample(
  reader: z.ZodType,
  doubts: readonly Doubt[],
  { written, taken }: { readonly written: SchemaVersion; readonly taken: SchemaVersion['schema'] },
): Verdict | undefined {
  const itself = z.fromJSONSchema(written.schema);
  for (const example of examplesOf(written.schema, taken)) {
    const refused = issuesOf(reader, example).filter(
      ({ code, path }) => code !== 'custom' && doubts.some((doubt) => covers(doubt.path, path)),
    );
    if (refused.length === 0) continue;
    const unfit = issuesOf(itself, example).map(({ path }) => path);
    const issue = refused.find(
      ({ path }) => !unfit.some((other) => startsWith(other, path) || startsWith(path, other)),
    );
    if (issue !== undefined)
      return { kind: 'breaks', field: textOf(issue.path.map(String)), message: issue.message, example };
  }
  return undefined;
}

function issuesOf(schema: z.ZodType, value: unknown): readonly z.core.$ZodIssue[] {
  try {
    return schema.safeParse(value).error?.issues ?? [];
  } catch {
    // Code of the schema that throws is code of its own.
    return [];
  }
}

/** Tells whether an issue is in the part of a doubt. */
function covers(doubt: readonly string[], path: readonly PropertyKey[]): boolean {
  return doubt.every((part, index) => part === '*' || part === String(path[index])) && path.length >= doubt.length;
}

function startsWith(path: readonly PropertyKey[], start: readonly PropertyKey[]): boolean {
  return start.every((part, index) => part === path[index]);
}

function textOf(path: readonly string[]): string {
  return path.length === 0 ? 'data' : path.join('.');
}
