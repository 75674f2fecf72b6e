import { factsOf } from '../catalog/type-facts.ts';
import type { Checked } from '../plan/checked.ts';
import type { SqlType } from '../plan/sql-type.ts';
import { typeName } from '../plan/sql-type.ts';
import type { ModuleCode } from './module-code.ts';
import { constant, expand, quoteText } from './module-code.ts';

/** Returns the code of a literal. A value without a JavaScript literal becomes a constant, made once per module. */
export function constantCode(module: ModuleCode, { text, type }: Extract<Checked, { kind: 'constant' }>): string {
  if (text === null) return 'null';
  switch (typeName(type)) {
    case 'boolean':
      return booleanCode(module, text);
    case 'text':
    case 'unknown':
      return quoteText(text);
    case 'integer':
      return isWhole(text, 31n) ? String(Number(text)) : made(module, text, type);
    case 'bigint':
      return isWhole(text, 63n) ? `${BigInt(text)}n` : made(module, text, type);
    default:
      return made(module, text, type);
  }
}

/** Tests for a whole number of at most this many bits and a sign. The runtime reads any other text, or rejects it. */
function isWhole(text: string, bits: bigint): boolean {
  return /^-?\d+$/.test(text) && BigInt(text) >= -(2n ** bits) && BigInt(text) < 2n ** bits;
}

function booleanCode(module: ModuleCode, text: string): string {
  return text === 'true' || text === 'false' ? text : made(module, text, { kind: 'scalar', name: 'boolean' });
}

function made(module: ModuleCode, text: string, type: SqlType): string {
  const { fromText } = factsOf(type);
  const kind = type.kind === 'array' ? 'list' : typeName(type).replace(/ .*/, '');
  return constant(module, `${expand(module, fromText)}(${quoteText(text)})`, `${kind}`);
}
