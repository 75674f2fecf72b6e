import { characters } from './text.ts';

/**
 * ksqlDB's masks: upper-case letters become X, lower-case letters x, digits n and everything else -.
 * As everywhere in collation "C", letters and digits are ASCII's; any other character becomes - too, so nothing shows.
 */
export function mask(text: string): string {
  return characters(text).map(maskCharacter).join('');
}

export function maskLeft(text: string, count: number): string {
  const units = characters(text);
  return units.map((unit, i) => (i < count ? maskCharacter(unit) : unit)).join('');
}

export function maskRight(text: string, count: number): string {
  const units = characters(text);
  return units.map((unit, i) => (i >= units.length - count ? maskCharacter(unit) : unit)).join('');
}

export function maskKeepLeft(text: string, count: number): string {
  const units = characters(text);
  return units.map((unit, i) => (i < count ? unit : maskCharacter(unit))).join('');
}

export function maskKeepRight(text: string, count: number): string {
  const units = characters(text);
  return units.map((unit, i) => (i >= units.length - count ? unit : maskCharacter(unit))).join('');
}

function maskCharacter(character: string): string {
  if (/^[A-Z]/.test(character)) return 'X';
  if (/^[a-z]/.test(character)) return 'x';
  if (/^[0-9]/.test(character)) return 'n';
  return '-';
}
