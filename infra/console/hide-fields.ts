import { z } from 'zod';

/** The part of JSON Schema that tells which fields are personal. */
interface JsonSchema {
  readonly personal?: boolean;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly additionalProperties?: JsonSchema | boolean;
}

/** Lists the names of the fields that a schema calls personal (`.meta({ personal: true })`), at any depth. */
export function personalFields(schema: z.ZodType): ReadonlySet<string> {
  const found = new Set<string>();
  collect(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema, found);
  return found;
}

function collect(schema: JsonSchema, found: Set<string>): void {
  const { properties = {}, items, anyOf = [], allOf = [], additionalProperties: more } = schema;
  for (const [name, field] of Object.entries(properties)) {
    if (isPersonal(field)) found.add(name);
    else collect(field, found);
  }
  const inside = [items, ...anyOf, ...allOf, typeof more === 'object' ? more : undefined];
  for (const one of inside) if (one !== undefined) collect(one, found);
}

/** A field that may be null or missing has its schema inside. */
function isPersonal({ personal, anyOf = [], allOf = [] }: JsonSchema): boolean {
  return personal === true || [...anyOf, ...allOf].some(isPersonal);
}

/** What stands in the place of a value that is hidden. */
export const HIDDEN = '"hidden"';

/**
 * Puts `"hidden"` in the place of every value of these fields, and leaves all other bytes as they are. Hides everything
 * when the text is not JSON: nobody knows then where the fields are.
 */
export function hideFields(text: string, fields: ReadonlySet<string>): string {
  if (fields.size === 0) return text;
  try {
    JSON.parse(text);
  } catch {
    return HIDDEN;
  }
  let shown = '';
  let end = 0;
  let depth = 0;
  /** The depth at which a hidden value began, and where. */
  let hiding: { readonly depth: number } | undefined;
  let before: string | undefined;
  let name: string | undefined;
  for (const { 0: token, index } of text.matchAll(TOKENS)) {
    const isValue = before === ':' && name !== undefined && fields.has(name) && hiding === undefined;
    if (isValue) {
      shown += text.slice(end, index) + HIDDEN;
      hiding = { depth };
    }
    if (token === '{' || token === '[') depth += 1;
    if (token === '}' || token === ']') depth -= 1;
    if (hiding !== undefined && depth === hiding.depth) {
      end = index + token.length;
      hiding = undefined;
    }
    if (token.startsWith('"') && before !== ':') name = nameIn(token);
    before = token;
  }
  return shown + text.slice(end);
}

const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/g;

function nameIn(token: string): string | undefined {
  return JSON.parse(token) as string;
}
