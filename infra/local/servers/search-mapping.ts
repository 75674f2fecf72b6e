/** The mapping of an index or a field, as OpenSearch takes it. */
export interface FieldMapping {
  readonly type?: string;
  readonly dynamic?: boolean | string;
  readonly enabled?: boolean;
  readonly properties?: Readonly<Record<string, FieldMapping>>;
}

/** Finds what OpenSearch refuses about a document: its error type and reason. Undefined: nothing. */
export function refusalOf(
  source: Readonly<Record<string, unknown>>,
  { dynamic, properties = {} }: FieldMapping,
): { readonly type: string; readonly reason: string } | undefined {
  for (const [name, value] of Object.entries(source)) {
    const mapping = properties[name];
    if (mapping === undefined) {
      if (dynamic !== 'strict') continue;
      return {
        type: 'strict_dynamic_mapping_exception',
        reason: `mapping set to strict, dynamic introduction of [${name}] within [_doc] is not allowed`,
      };
    }
    for (const each of Array.isArray(value) ? value.flat(Number.POSITIVE_INFINITY) : [value]) {
      const found = refusalOfValue(each, name, mapping);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function refusalOfValue(value: unknown, name: string, mapping: FieldMapping): ReturnType<typeof refusalOf> {
  const { type = 'object', enabled = true } = mapping;
  if (value === null || !enabled) return undefined;
  const isObject = typeof value === 'object';
  if (isObject && type === 'object') return refusalOf(value as Readonly<Record<string, unknown>>, mapping);
  if (!isObject && (ACCEPTS[type] ?? (() => true))(value)) return undefined;
  return { type: 'mapper_parsing_exception', reason: `failed to parse field [${name}] of type [${type}]` };
}

const isNumber = (value: unknown): boolean =>
  typeof value !== 'boolean' && String(value).trim() !== '' && Number.isFinite(Number(value));

const isWhole = (value: unknown): boolean => isNumber(value) && Math.abs(Number(value)) < 2 ** 63;

/** What the types take that the sink gives an index, or that tests do. */
const ACCEPTS: Readonly<Record<string, (value: unknown) => boolean>> = {
  object: () => false,
  long: isWhole,
  integer: isWhole,
  double: isNumber,
  boolean: (value) => [true, false, 'true', 'false', ''].includes(value as string),
  date: (value) => (typeof value === 'number' ? Number.isInteger(value) : !Number.isNaN(Date.parse(String(value)))),
};
