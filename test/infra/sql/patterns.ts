import type { Random } from './random.ts';

/** The routines that take a text and a regular expression. */
export const takesPattern = (name: string): boolean => /^(?:regexp_|!?~\*?$)/.test(name);

/** Short texts of few letters, in which random patterns match often and in more than one way. */
export const randomSubject = (random: Random): string =>
  `'${Array.from({ length: random.below(9) }, () => random.pick(['a', 'b', 'a', 'b', 'c', 'A', '1', 'é', ' ', '\n'])).join('')}'`;

/** A pattern with alternatives, groups within groups, and every quantifier. */
export const randomPattern = (random: Random): string => `'${alternatives(random, 2)}'`;

function alternatives(random: Random, depth: number): string {
  const count = random.chance(0.25) ? 2 + random.below(2) : 1;
  return Array.from({ length: count }, () => sequence(random, depth)).join('|');
}

function sequence(random: Random, depth: number): string {
  const parts = Array.from({ length: 1 + random.below(3) }, () => atom(random, depth) + quantifier(random));
  if (random.chance(0.08)) parts.unshift('^');
  if (random.chance(0.08)) parts.push('$');
  return parts.join('');
}

function atom(random: Random, depth: number): string {
  if (depth > 0 && random.chance(0.35)) return `${random.pick(['(', '(?:'])}${alternatives(random, depth - 1)})`;
  return random.pick(['a', 'b', 'c', 'a', 'b', '.', '[ab]', '[^a]', '\\w', '\\s', '[b-c1]', 'é', '\\d', '[[:alpha:]]']);
}

function quantifier(random: Random): string {
  if (random.chance(0.5)) return '';
  const quantity = random.pick(['*', '+', '?', '{2}', '{1,2}', '{0,1}', '{2,}', '{0}']);
  return random.chance(0.04) ? `${quantity}?` : quantity;
}
