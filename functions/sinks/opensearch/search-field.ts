import { z } from 'zod';

/** A field of a document. Plain data: it travels in the function's bundle. */
export interface SearchField {
  readonly name: string;
  readonly type: SearchType;
}

/** `json`: any value, which is kept and not searched. */
export type SearchType =
  | { readonly kind: (typeof KINDS)[number] }
  | { readonly kind: 'object'; readonly fields: readonly SearchField[] };

const KINDS = ['text', 'time', 'integer', 'number', 'boolean', 'json'] as const;

const Type: z.ZodType<SearchType> = z.lazy(() =>
  z.union([
    z.strictObject({ kind: z.enum(KINDS) }),
    z.strictObject({ kind: z.literal('object'), fields: z.array(SearchField) }),
  ]),
);

export const SearchField: z.ZodType<SearchField> = z.lazy(() =>
  z.strictObject({ name: z.string().min(1), type: Type }),
);
