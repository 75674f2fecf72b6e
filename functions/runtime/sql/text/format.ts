import { SqlError } from '../errors/sql-error.ts';
import { length, quoteLiteral } from './text.ts';

const SPECIFIER = /%(?:(\d+)\$)?(-*)(?:(\d+)|(\*(?:\d+\$)?))?([\s\S])?/g;

/** Evaluates format() with %s, %L and %%, positions, widths and the flag `-`. */
export function format(template: string | null, args: readonly (string | null)[]): string | null {
  if (template === null) return null;
  let next = 0;
  return template.replace(SPECIFIER, (...parts: unknown[]) => {
    const [whole, position, flag, width, star, kind] = parts as [string, ...(string | undefined)[]];
    if (whole === '%%') return '%';
    if (star !== undefined) throw new SqlError('0A000', 'a width of * is not supported in format(): write the number');
    if (kind === undefined) throw new SqlError('22023', 'unterminated format() type specifier');
    if (position !== undefined && Number(position) === 0)
      throw new SqlError('22023', 'format specifies argument 0, but arguments are numbered from 1');
    const index = position === undefined ? next : Number(position) - 1;
    next = index + 1;
    const text = formatted(kind, args, index);
    const missing = Number(width ?? 0) - length(text);
    if (missing <= 0) return text;
    return flag === '' || flag === undefined ? ' '.repeat(missing) + text : text + ' '.repeat(missing);
  });
}

function formatted(kind: string, args: readonly (string | null)[], index: number): string {
  if (kind === 'I') throw new SqlError('0A000', '%I is not supported in format(): use %s');
  if (kind !== 's' && kind !== 'L')
    throw new SqlError('22023', `unrecognized format() type specifier "${kind}": use %s, %L or %%`);
  if (index >= args.length) throw new SqlError('22023', 'too few arguments for format()');
  const value = args[index] ?? null;
  if (kind === 's') return value ?? '';
  return value === null ? 'NULL' : quoteLiteral(value);
}
