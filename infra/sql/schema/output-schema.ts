import type { OutputColumn } from '../plan/plan.ts';
import type { Column, SqlType } from '../plan/sql-type.ts';
import { typeName } from '../plan/sql-type.ts';
import type { InputSchema } from './copied-schema.ts';
import { copiedSchemaCode } from './copied-schema.ts';

/**
 * Returns the code of the zod schema of a statement's outputs. A copied column has the input's schema. For a computed
 * column whose type JSON does not have, `meta({ sql })` names the type.
 */
export function outputSchemaCode(
  outputs: readonly OutputColumn[],
  input: InputSchema | ((output: OutputColumn) => InputSchema | undefined),
): string {
  return objectOf(
    outputs.map((output): [string, string] => {
      const { name, expression } = output;
      const copiedFrom = typeof input === 'function' ? input(output) : input;
      const copied = copiedFrom === undefined ? undefined : copiedSchemaCode(output, copiedFrom);
      return [name, copied ?? columnCode({ name, ...expression })];
    }),
  );
}

const objectCode = (columns: readonly Column[]): string =>
  objectOf(columns.map((column): [string, string] => [column.name, columnCode(column)]));

const objectOf = (fields: readonly (readonly [name: string, code: string])[]): string =>
  `z.object({\n${fields.map(([name, code]) => `${propertyName(name)}: ${code},\n`).join('')}})`;

const columnCode = ({ type, nullable }: Column): string =>
  `${schemaCode(type)}${nullable && !isAny(type) ? '.nullable()' : ''}`;

const propertyName = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name));

/** Tests for jsonb, whose schema accepts any JSON, null included. */
const isAny = (type: SqlType): boolean => typeName(type) === 'jsonb';

function schemaCode(type: SqlType): string {
  if (type.kind === 'array') return `z.array(${schemaCode(type.element)}${isAny(type.element) ? '' : '.nullable()'})`;
  if (type.kind === 'record') return objectCode(type.fields);
  switch (type.name) {
    case 'boolean':
      return 'z.boolean()';
    case 'integer':
      return 'z.int32()';
    case 'bigint':
      return "z.number().meta({ sql: 'bigint' })";
    case 'double precision':
      return 'z.float64()';
    case 'numeric':
      return "z.number().meta({ sql: 'numeric' })";
    case 'jsonb':
      return 'z.json()';
    case 'text':
    case 'unknown':
      return 'z.string()';
    default:
      return `z.string().meta({ sql: '${type.name}' })`;
  }
}
