import { factsOf } from '../catalog/type-facts.ts';
import type { Checked } from '../plan/checked.ts';
import { callCode, typescriptOf } from './calls.ts';
import { constantCode } from './constants.ts';
import type { ModuleCode } from './module-code.ts';
import { annotated, expand, quoteText } from './module-code.ts';

/**
 * Returns the code of an expression. Its value is null or in the representation of its type (`TypeFacts.typescript`).
 */
export function emit(module: ModuleCode, expression: Checked): string {
  const of = (part: Checked): string => emit(module, part);
  const use = (template: string): string => expand(module, template);
  switch (expression.kind) {
    case 'constant':
      return constantCode(module, expression);
    case 'column':
      return expression.column.variable;
    case 'call':
    case 'cast':
      return callCode(module, expression, of);
    case 'logic':
      return logicCode(module, expression, of);
    case 'not':
      return expression.arg.nullable
        ? `${use('{logic/not}')}(${of(expression.arg)})`
        : `!${grouped(of(expression.arg))}`;
    case 'test':
      return testCode(expression, of);
    case 'case':
      return caseCode(expression, of);
    case 'coalesce':
      return coalesceCode(expression, of);
    case 'distinct':
    case 'nullif':
    case 'quantified':
      return comparisonCode(module, expression, of);
    case 'extreme': {
      const args = expression.args.map(of).join(', ');
      return `${use('{logic/extreme}')}(${use(factsOf(expression.type).compare)}, ${expression.sign}, [${args}])${assertion(module, expression)}`;
    }
    case 'array':
      return `[${expression.elements.map(of).join(', ')}]`;
    case 'element':
      return strictOver(module, '{arrays/arrays/arrayElement}', {
        codes: [of(expression.array), of(expression.index)],
        nullable: expression.array.nullable || expression.index.nullable,
      });
    case 'slice':
      return sliceCode(module, expression, of);
    case 'field':
      return fieldCode(module, expression, of);
  }
}

type Of = (part: Checked) => string;
type Kind<K extends Checked['kind']> = Extract<Checked, { kind: K }>;

/** Returns a type assertion for a result that is never null although the declared type of the function allows null. */
const assertion = (module: ModuleCode, { nullable, type }: Checked): string =>
  nullable || !module.typed ? '' : ` as ${typescriptOf(module, type)}`;

export const grouped = (code: string): string => (/^[\w.$]+(?:\([^()]*\))?$|^'[^']*'$/.test(code) ? code : `(${code})`);

function logicCode(module: ModuleCode, { operator, args }: Kind<'logic'>, of: Of): string {
  if (args.every((arg) => !arg.nullable))
    return args.map((arg) => grouped(of(arg))).join(operator === 'and' ? ' && ' : ' || ');
  return `${expand(module, `{logic/${operator}}`)}(${args.map((arg) => `() => ${of(arg)}`).join(', ')})`;
}

function testCode({ test, arg }: Kind<'test'>, of: Of): string {
  const value = grouped(of(arg));
  const literal = test.replace('not ', '');
  if (!arg.nullable && literal === 'null') return test === 'null' ? `(void ${value}, false)` : `(void ${value}, true)`;
  return `${value} ${test.startsWith('not') ? '!==' : '==='} ${literal}`;
}

function caseCode({ branches, otherwise }: Kind<'case'>, of: Of): string {
  const parts = branches.map(({ when, result }) => {
    const condition = when.nullable ? `${grouped(of(when))} === true` : grouped(of(when));
    return `${condition} ? ${grouped(of(result))} : `;
  });
  return parts.join('') + grouped(of(otherwise));
}

function coalesceCode(expression: Kind<'coalesce'>, of: Of): string {
  const end = expression.args.findIndex((arg) => !arg.nullable);
  const used = end === -1 ? expression.args : expression.args.slice(0, end + 1);
  return used.map((arg) => grouped(of(arg))).join(' ?? ');
}

function comparisonCode(
  module: ModuleCode,
  expression: Kind<'distinct'> | Kind<'nullif'> | Kind<'quantified'>,
  of: Of,
): string {
  const test = expression.kind === 'quantified' ? expression.test : expression.equal;
  const args = expression.kind === 'quantified' ? [expression.left, expression.right] : expression.args;
  const parameters = test.parameters.map(
    (type, i) =>
      ({ kind: 'column', column: { variable: 'ab'.charAt(i) }, type, nullable: false, offset: 0 }) as Checked,
  );
  const body = callCode(
    module,
    { kind: 'call', resolved: test, args: parameters, type: test.returns, nullable: false, offset: 0 },
    (part) => emit(module, part),
  );
  const types = test.parameters.map((type, i) => annotated(module, 'ab'.charAt(i), typescriptOf(module, type)));
  const lambda = `(${types.join(', ')}) => ${body}`;
  const call = (name: string): string =>
    `${expand(module, `{logic/${name}}`)}(${[lambda, ...args.map(of)].join(', ')})`;
  if (expression.kind === 'nullif') return call('nullIf');
  if (expression.kind === 'quantified') return call(expression.every ? 'allOf' : 'anyOf');
  return expression.negated ? call('notDistinct') : `!${call('notDistinct')}`;
}

function sliceCode(module: ModuleCode, { array, from, to }: Kind<'slice'>, of: Of): string {
  const bounds = [from, to].map((bound) => (bound === undefined ? 'undefined' : of(bound)));
  return strictOver(module, '{arrays/arrays/arraySlice}', {
    codes: [of(array), ...bounds],
    nullable: [array, from, to].some((part) => part?.nullable === true),
  });
}

function strictOver(
  module: ModuleCode,
  template: string,
  { codes, nullable }: { codes: readonly string[]; nullable: boolean },
): string {
  const name = expand(module, template);
  return nullable
    ? `${expand(module, '{logic/strict}')}(${name}, ${codes.join(', ')})`
    : `${name}(${codes.join(', ')})`;
}

function fieldCode(
  module: ModuleCode,
  { record, field, type, nullable }: Extract<Checked, { kind: 'field' }>,
  of: Of,
): string {
  return `${expand(module, nullable ? '{json/json-columns/readField}' : '{json/json-columns/requireField}')}(${of(record)}, ${quoteText(field)}, ${expand(module, factsOf(type).fromJson)})`;
}
