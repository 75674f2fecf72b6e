import { z } from 'zod';

/**
 * What `.meta()` says of an option beside its `description`:
 * - `writtenAs`: the type as a pipeline's author writes it, where the function receives another one (a zod schema
 *   travels as JSON Schema).
 * - `otherwise`: what happens without the option, where no default value says it.
 */
interface OptionMeta {
  readonly description?: string;
  readonly writtenAs?: string;
  readonly otherwise?: string;
}

type JsonSchema = z.core.JSONSchema.JSONSchema & OptionMeta;

/**
 * Writes a Markdown table with a row for each option of a connector: its type, default, limits and meaning, all from
 * the option's schema. Throws for an option whose schema leaves one of them open.
 */
export function optionTable(connector: string, options: z.ZodType): string {
  if (!(options instanceof z.ZodObject)) throw new Error(`the options of '${connector}' are not a z.object()`);
  const shape: Readonly<Record<string, z.ZodType>> = options.shape;
  const { properties = {}, required = [] } = z.toJSONSchema(options, { io: 'input' });
  const rows = Object.entries(properties).map(([name, property]) => {
    const option: Option = {
      name: `${connector}.${name}`,
      json: property as JsonSchema,
      isRequired: required.includes(name),
    };
    const limits = limitsOf(option.json, messagesOf(shape[name]));
    return [`\`${name}\``, typeOf(option), defaultOf(option), limits, meaningOf(option)];
  });
  const lines = [['option', 'type', 'default', 'limits', 'what it does'], ['---', '---', '---', '---', '---'], ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

interface Option {
  readonly name: string;
  readonly json: JsonSchema;
  readonly isRequired: boolean;
}

function meaningOf({ name, json }: Option): string {
  if (json.description === undefined)
    throw new Error(`the option ${name} has no description: add .describe('…') to its schema, as the last call`);
  return cell(json.description);
}

function typeOf({ name, json }: Option): string {
  if (json.writtenAs !== undefined) return cell(json.writtenAs);
  const type = typeText(json);
  if (type === undefined)
    throw new Error(`the option ${name} has a type without a word: add .meta({ writtenAs: '…' }) to its schema`);
  return code(type);
}

function typeText({ type, enum: values, items }: JsonSchema): string | undefined {
  if (values !== undefined) return values.map((value) => JSON.stringify(value).replaceAll('"', "'")).join(' | ');
  if (type !== 'array') return typeof type === 'string' && type !== 'object' ? type : undefined;
  const element = typeText(items as JsonSchema);
  return element === undefined ? undefined : `${element}[]`;
}

function defaultOf({ name, json, isRequired }: Option): string {
  if (isRequired) return '*required*';
  if (typeof json.default === 'number') return json.default.toLocaleString('en-US');
  if (json.default !== undefined) return code(JSON.stringify(json.default).replaceAll('"', "'"));
  if (json.otherwise === undefined)
    throw new Error(`the option ${name} may be left out: say what happens then, .meta({ otherwise: '…' })`);
  return cell(json.otherwise);
}

/** `messages`: what the patterns of the schema say to a value that they reject. */
function limitsOf(json: JsonSchema, messages: readonly string[]): string {
  const element = json.items as JsonSchema | undefined;
  const limits = [
    ...messages,
    ...(json.type === 'string' && json.pattern === undefined ? lengthOf(json, 'character') : []),
    ...between(json.minItems, json.maxItems, 'element'),
    ...between(atLeast(json.minimum), atMost(json.maximum), ''),
    ...(element?.type === 'string' && element.pattern === undefined ? lengthOf(element, 'character') : []).map(
      (limit) => `each ${limit}`,
    ),
  ];
  return cell(limits.join('; '));
}

function lengthOf({ minLength, maxLength }: JsonSchema, unit: string): readonly string[] {
  return minLength === 1 && maxLength === undefined ? ['not empty'] : between(minLength, maxLength, unit);
}

function between(from: number | undefined, to: number | undefined, unit: string): readonly string[] {
  if (from === undefined && to === undefined) return [];
  const [low, high] = [from, to].map((number) => number?.toLocaleString('en-US'));
  const range = high === undefined ? `at least ${low}` : low === undefined ? `at most ${high}` : `${low} to ${high}`;
  const plural = (to ?? from) === 1 ? '' : 's';
  return [unit === '' ? range : `${range} ${unit}${plural}`];
}

/** zod gives every integer these two as its bounds. */
const atLeast = (minimum: number | undefined) => (minimum === Number.MIN_SAFE_INTEGER ? undefined : minimum);
const atMost = (maximum: number | undefined) => (maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum);

/** The parts of zod's definitions that hold other schemas, and their checks. */
interface Definition {
  readonly innerType?: z.ZodType;
  readonly element?: z.ZodType;
  readonly checks?: readonly {
    readonly _zod: { readonly def: { readonly error?: unknown; readonly format?: string } };
  }[];
}

function messagesOf(schema: z.ZodType | undefined): readonly string[] {
  if (schema === undefined) return [];
  const { innerType, element, checks = [] } = schema._zod.def as unknown as Definition;
  const own = checks.flatMap(({ _zod: { def } }) =>
    def.format === 'regex' && typeof def.error === 'function' ? [String(def.error({})).replace(/^is /, '')] : [],
  );
  return [...own, ...messagesOf(innerType), ...messagesOf(element)];
}

const cell = (text: string): string => text.replaceAll('|', '\\|');
const code = (text: string): string => `\`${cell(text)}\``;
