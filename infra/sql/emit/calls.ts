import { factsOf } from '../catalog/type-facts.ts';
import type { Checked } from '../plan/checked.ts';
import type { Resolved } from '../plan/routine.ts';
import { strictCount } from '../plan/routine.ts';
import type { SqlType } from '../plan/sql-type.ts';
import { TEXT } from '../plan/sql-type.ts';
import type { ModuleCode } from './module-code.ts';
import { annotated, expand } from './module-code.ts';

type Call = Extract<Checked, { kind: 'call' | 'cast' }>;
type Of = (part: Checked) => string;

/** Returns the code of a call or a cast. A strict routine is not called when an argument is null. */
export function callCode(module: ModuleCode, expression: Call, of: Of): string {
  const args = expression.kind === 'call' ? expression.args : [expression.arg];
  const tested = args.slice(0, expression.kind === 'cast' ? 1 : strictCount(expression.resolved.routine));
  const codes = collapsed(expression, args.map(of));
  const apply = (values: readonly string[]): string =>
    expression.kind === 'call' ? applyRoutine(module, expression, values) : applyCast(module, expression, values);
  if (!tested.some((arg) => arg.nullable)) return apply(codes);
  if (codes.every(isSimple)) {
    const tests = tested.flatMap((arg, i) => (arg.nullable ? [`${codes[i]} === null`] : []));
    return `(${tests.join(' || ')} ? null : ${apply(codes)})`;
  }
  return throughStrict(module, { args, codes, apply });
}

/** Collects the variadic arguments of a strict routine into one list. */
function collapsed(expression: Call, codes: readonly string[]): readonly string[] {
  if (expression.kind === 'cast' || !expression.resolved.routine.variadic || !expression.resolved.routine.strict)
    return codes;
  const fixed = expression.resolved.routine.parameters.length - 1;
  return [...codes.slice(0, fixed), `[${codes.slice(fixed).join(', ')}]`];
}

/** Tests for a name or a literal, which may appear twice in the code without being evaluated twice. */
const isSimple = (code: string): boolean => /^(?:[\w$]+|'[^']*'|-?\d+n?)$/.test(code);

interface Strict {
  readonly args: readonly Checked[];
  readonly codes: readonly string[];
  readonly apply: (values: readonly string[]) => string;
}

function throughStrict(module: ModuleCode, { args, codes, apply }: Strict): string {
  const names = codes.map((_, i) => 'abcdefgh'.charAt(i));
  const body = apply(names);
  const direct = new RegExp(`^(\\w+)\\(${names.join(', ')}\\)$`).exec(body)?.[1];
  const typed = names.map((name, i) => annotated(module, name, typescriptOf(module, args[i]?.type ?? TEXT)));
  const lambda = direct ?? `(${typed.join(', ')}) => ${body}`;
  return `${expand(module, '{logic/strict}')}(${[lambda, ...codes].join(', ')})`;
}

const TYPE_IMPORTS: Record<string, string> = {
  Decimal: '{numbers/decimals/Decimal}',
  Interval: '{time/intervals/Interval}',
  Json: '{json/json/Json}',
};

/** Returns the TypeScript type of a type's values, and imports it if the module is typed. */
export function typescriptOf(module: ModuleCode, type: SqlType): string {
  const { typescript } = factsOf(type);
  for (const [name, template] of Object.entries(TYPE_IMPORTS))
    if (typescript.includes(name) && module.typed) expand(module, template);
  return typescript;
}

function applyCast(
  module: ModuleCode,
  { code }: Extract<Checked, { kind: 'cast' }>,
  [value = '']: readonly string[],
): string {
  const operand = /\(\$1[,)]|^\$1$/.test(code) || isSimple(value) ? value : `(${value})`;
  return expand(module, code).replaceAll('$1', () => operand);
}

const PLACEHOLDER =
  /\{[a-z0-9/-]+\/\w+\}|<(?:rest )?texts>|<jsons>|<pairs>|<(?:arrays )?(?:equal|compare|output)>|<(?:text|json) \$\d>|\$[\d*]/g;

/** Fills in a routine's template in one pass, so that text inside an argument cannot be taken for a placeholder. */
function applyRoutine(
  module: ModuleCode,
  { resolved, args }: Extract<Checked, { kind: 'call' }>,
  values: readonly string[],
): string {
  const { code } = resolved.routine;
  const parts = values.map((value, i): Part => ({ value, type: resolved.parameters[i] ?? TEXT, arg: args[i] }));
  const list = (render: (part: Part, index: number) => string, from = 0): string =>
    `[${parts.slice(from).map(render).join(', ')}]`;
  const lists: Record<string, (part: Part, index: number) => string> = {
    '<texts>': (part) => textCode(module, part),
    '<rest texts>': (part) => textCode(module, part),
    '<jsons>': (part) => jsonCode(module, part),
    '<pairs>': (part, i) => (i % 2 === 0 ? textCode : jsonCode)(module, part),
  };
  return code.replace(PLACEHOLDER, (placeholder) => {
    if (placeholder.startsWith('{')) return expand(module, placeholder);
    if (placeholder === '$*') return values.join(', ');
    const render = lists[placeholder];
    if (render !== undefined) return list(render, placeholder.startsWith('<rest') ? 1 : 0);
    const index = /\$(\d)/.exec(placeholder)?.[1];
    if (index === undefined) return elementFact(module, resolved, placeholder);
    const part = parts[Number(index) - 1] ?? { value: '', type: TEXT, arg: undefined };
    if (placeholder.startsWith('$')) return operandCode(code, part.value);
    const facts = factsOf(part.type);
    return `${expand(module, placeholder.startsWith('<text') ? facts.toText : facts.toJson)}(${part.value})`;
  });
}

/** Expands `<equal>` to the function of the array's element type, `<arrays equal>` to that of the array type. */
function elementFact(module: ModuleCode, resolved: Resolved, placeholder: string): string {
  const element = elementOf(resolved) ?? TEXT;
  const fact = placeholder.replace(/<(?:arrays )?|>/g, '') as 'equal' | 'compare' | 'output';
  return expand(module, factsOf(placeholder.startsWith('<arrays') ? { kind: 'array', element } : element)[fact]);
}

function elementOf({ routine, parameters }: Resolved): SqlType | undefined {
  for (const [i, parameter] of routine.parameters.entries()) {
    const type = parameters[i];
    if (parameter.kind === 'polymorphic' && parameter.name.endsWith('array') && type?.kind === 'array')
      return type.element;
  }
  return undefined;
}

interface Part {
  readonly value: string;
  readonly type: SqlType;
  readonly arg: Checked | undefined;
}

function textCode(module: ModuleCode, { value, type, arg }: Part): string {
  const output = expand(module, factsOf(type).output);
  return output === 'sameText' ? value : converted(module, output, { value, arg });
}

function jsonCode(module: ModuleCode, { value, type, arg }: Part): string {
  return converted(module, expand(module, factsOf(type).toJson), { value, arg });
}

function converted(
  module: ModuleCode,
  name: string,
  { value, arg }: { value: string; arg: Checked | undefined },
): string {
  if (value === 'null') return 'null';
  return arg?.nullable === true ? `${expand(module, '{logic/strict}')}(${name}, ${value})` : `${name}(${value})`;
}

/** Puts an operand of an infix operator in parentheses if it needs them; an argument of a call does not. */
function operandCode(code: string, value: string): string {
  const infix = /^\$1 | \$2$/.test(code);
  return infix && !/^[\w.$]+(?:\([^()]*\))?$|^'[^']*'$|^\([^()]*\)$/.test(value) ? `(${value})` : value;
}
