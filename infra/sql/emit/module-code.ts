/** A generated module while it is written: what it imports and the constants that stand before its code. */
export interface ModuleCode {
  /** Names by module of functions/runtime/sql. */
  readonly imports: Map<string, Set<string>>;
  /** Values that are made once: their code and their name. */
  readonly constants: Map<string, string>;
  /** Whether types are written: not where the code runs as it is. */
  readonly typed: boolean;
}

export const typescriptModule = (): ModuleCode => ({
  imports: new Map(),
  constants: new Map(),
  typed: true,
});

/** The same code without types, for running it at once. */
export const javascriptModule = (): ModuleCode => ({ imports: new Map(), constants: new Map(), typed: false });

/** Replaces `{module/name}` by the name and imports it. */
export function expand(module: ModuleCode, template: string): string {
  return template.replace(/\{([a-z0-9/-]+)\/(\w+)\}/g, (_, file: string, name: string) => {
    const names = module.imports.get(file) ?? new Set();
    module.imports.set(file, names.add(name));
    return name;
  });
}

/** `name: type`, where types are written. */
export const annotated = (module: ModuleCode, name: string, type: string): string =>
  module.typed ? `${name}: ${type}` : name;

/** A constant of the module, named after what it is. */
export function constant(module: ModuleCode, code: string, kind: string): string {
  const known = module.constants.get(code);
  if (known !== undefined) return known;
  const taken = [...module.constants.values()].filter((name) => name.replace(/\d+$/, '') === kind).length;
  const name = `${kind}${taken + 1}`;
  module.constants.set(code, name);
  return name;
}

/** A TypeScript string literal in single quotes. */
export function quoteText(text: string): string {
  const escaped = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'");
  return `'${escaped.replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')}'`;
}
