import { decimalDigits } from '../../../functions/sinks/s3/parquet/exact-numbers.ts';
import { digitsOf } from './exact-json.ts';
import type { Form } from './forms.ts';
import { momentText } from './moments.ts';
import { doubleText, numberText } from './numbers.ts';

/**
 * Writes a value in the one way in which values of its form are compared. A value that does not fit its form is
 * compared as the text that it is. Null stands for a missing value, too.
 */
export function canonical(value: unknown, form: Form): string | null {
  if (value === null || value === undefined) return null;
  if (form.kind === 'list' || form.kind === 'struct' || form.kind === 'json') return jsonText(value, form);
  return scalarText(isNested(value) ? jsonText(value, JSON_FORM) : textOf(value), form);
}

const JSON_FORM: Form = { kind: 'json' };

function isNested(value: unknown): value is object {
  return typeof value === 'object' && digitsOf(value) === undefined;
}

function textOf(value: unknown): string {
  return digitsOf(value) ?? String(value);
}

function scalarText(text: string, form: Form): string {
  switch (form.kind) {
    case 'whole':
    case 'number':
      return numberText(text) ?? text;
    case 'double':
      return doubleText(text) ?? text;
    case 'decimal':
      return numberText(decimalDigits(text, form) ?? text) ?? text;
    case 'boolean':
      return BOOLEANS[text] ?? text;
    case 'moment':
      return momentText(text) ?? text;
    case 'uuid':
      return text.toLowerCase();
    case 'padded':
      return text.replace(/ +$/, '');
    default:
      return text;
  }
}

/** Postgres writes one letter. */
const BOOLEANS: Readonly<Record<string, string>> = { t: 'true', f: 'false' };

/**
 * Writes a value as JSON: names in order, numbers as they are compared. A member that is null is left out, because a
 * column of a struct has all of its members.
 */
function jsonText(value: unknown, form: Form): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) {
    const element = form.kind === 'list' ? form.element : JSON_FORM;
    return `[${value.map((one) => jsonText(one, element)).join(',')}]`;
  }
  if (isNested(value)) {
    const forms = form.kind === 'struct' ? form.fields : undefined;
    const members = Object.entries(value)
      .filter(([, member]) => member !== null && member !== undefined)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, member]) => `${JSON.stringify(name)}:${jsonText(member, forms?.get(name) ?? JSON_FORM)}`);
    return `{${members.join(',')}}`;
  }
  if (NUMBERS.has(form.kind)) return scalarText(textOf(value), form);
  if (typeof value === 'string') return JSON.stringify(scalarText(value, form));
  return typeof value === 'boolean' ? String(value) : (numberText(textOf(value)) ?? textOf(value));
}

/** Forms whose values one sink writes as texts, and another as numbers. */
const NUMBERS = new Set<Form['kind']>(['whole', 'number', 'double', 'decimal']);
