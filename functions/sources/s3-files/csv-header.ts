/**
 * Returns the field that each column of a header stands for. A name may have blanks or a carriage return around it, and
 * capitals where its field has small letters, unless another column has the field's own name. Columns without a field
 * keep their name, without blanks around it.
 */
export function fieldNames(fields: readonly string[], header: readonly string[]): readonly string[] {
  const own = new Set(fields);
  const names = header.map((name) => (own.has(name) ? name : name.trim()));
  const found = new Set(names);
  const byLetters = new Map<string, readonly string[]>();
  for (const field of fields) byLetters.set(lettersOf(field), [...(byLetters.get(lettersOf(field)) ?? []), field]);
  return names.map((name) => {
    if (own.has(name)) return name;
    const [field, another] = byLetters.get(lettersOf(name)) ?? [];
    return field === undefined || another !== undefined || found.has(field) ? name : field;
  });
}

const lettersOf = (name: string): string => name.trim().toLowerCase();

const MOST_NAMES = 20;
const MOST_LETTERS = 40;

/** Returns the first columns of a header for a message: `'id', 'n' and 3 more`. */
export function columnsFound(header: readonly string[]): string {
  const names = header.slice(0, MOST_NAMES).map((name) => `'${name.trim().slice(0, MOST_LETTERS)}'`);
  const more = header.length - names.length;
  return more > 0 ? `${names.join(', ')} and ${more} more` : names.join(', ');
}
