/** Sorts values by their content, to compare what has no order of its own: events of a stream with several shards. */
export function inAnyOrder(values: readonly unknown[]): readonly unknown[] {
  return values
    .map((value) => ({ value, text: textOf(value) }))
    .sort((a, b) => (a.text < b.text ? -1 : 1))
    .map(({ value }) => value);
}

/** Writes JSON with sorted fields. */
function textOf(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
