/** Reads JSON. Whole numbers that a number of JavaScript cannot hold become big integers: ids of snapshots are such. */
export function parseExactly(text: string): unknown {
  return JSON.parse(text, ((_name: string, value: unknown, { source = '' }: { readonly source?: string }) =>
    typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(source) ? BigInt(source) : value) as (
    name: string,
    value: unknown,
  ) => unknown);
}

/** Writes JSON, with the digits of big integers as numbers. */
export function exactJson(value: unknown): string {
  const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };
  return JSON.stringify(value, (_name, inner: unknown) => (typeof inner === 'bigint' ? rawJSON(String(inner)) : inner));
}
