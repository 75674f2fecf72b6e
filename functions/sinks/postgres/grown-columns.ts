import type { z } from 'zod';
import { UserMistake } from '../../runtime/errors.ts';
import type { JsonSchema } from '../../runtime/json/schema-fields.ts';
import { type Column, columnsOf } from './columns.ts';
import { widestType } from './wider-types.ts';

/** A field for which no column holds the values of all versions. */
export interface UnfitField {
  readonly field: string;
  /** The types of the column in the order of the versions. */
  readonly types: readonly string[];
}

/**
 * Derives the columns that hold the events of every version of a schema, the oldest first: those of the newest version
 * in their order, then those that older ones had. A field that a version lacks may be null, and its column has the
 * widest of the types.
 */
export function grownColumns(versions: readonly (z.ZodType | JsonSchema)[]): {
  readonly columns: readonly Column[];
  readonly unfit: readonly UnfitField[];
} {
  const all = versions.map((version) => columnsOf(version));
  const names = new Set(all.toReversed().flatMap((columns) => columns.map(({ name }) => name)));
  const unfit: UnfitField[] = [];
  const columns = [...names].map((name): Column => {
    const found = all.flatMap((of) => of.find((column) => column.name === name) ?? []);
    const types = [...new Set(found.map(({ type }) => type))];
    const widest = types.reduce<string | undefined>(
      (wide, type) => (wide === undefined ? undefined : widestType(wide, type)),
      types[0],
    );
    if (widest === undefined) unfit.push({ field: name, types });
    return {
      name,
      type: widest ?? (types.at(-1) as string),
      nullable: found.length < all.length || found.some(({ nullable }) => nullable),
    };
  });
  return { columns, unfit };
}

/** Derives the same columns. Throws a `UserMistake` for a field that no column holds. */
export function columnsOfVersions(versions: readonly (z.ZodType | JsonSchema)[]): readonly Column[] {
  const { columns, unfit } = grownColumns(versions);
  const [first] = unfit;
  if (first === undefined) return columns;
  throw new UserMistake(
    `field '${first.field}' is ${first.types.join(' in one version, and ')} in another, and no column holds both: give what is new another name`,
  );
}
