/** Compares two lists without their order. Returns a line for each item of which one has more. */
export function differences(where: string, found: readonly unknown[], expected: readonly unknown[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const one of found) counts.set(textOf(one), (counts.get(textOf(one)) ?? 0) + 1);
  for (const one of expected) counts.set(textOf(one), (counts.get(textOf(one)) ?? 0) - 1);
  return [...counts].flatMap(([text, surplus]) =>
    surplus === 0 ? [] : [`${where}: ${text} is ${surplus > 0 ? 'doubled or unexpected' : 'missing'}`],
  );
}

function textOf(one: unknown): string {
  if (typeof one !== 'object' || one === null) return JSON.stringify(one);
  return JSON.stringify(Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1))));
}
