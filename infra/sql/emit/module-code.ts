/** A generated module while it is being built: its imports and its constants. */
export interface ModuleCode {
  /** Imported names by module of functions/runtime/sql. */
  readonly imports: Map<string, Set<string>>;
  /** The names of constants by their code. Each is made once, when the module is loaded. */
  readonly constants: Map<string, string>;
  /** Whether the code has types. False for code that runs in this process without being compiled. */
  readonly typed: boolean;
}

export const typescriptModule = (): ModuleCode => ({
  imports: new Map(),
  constants: new Map(),
  typed: true,
});

/** Starts a module without types, to run in this process. */
export const javascriptModule = (): ModuleCode => ({ imports: new Map(), constants: new Map(), typed: false });

/** Replaces each `{module/name}` by the name, and imports it. */
export function expand(module: ModuleCode, template: string): string {
  return template.replace(/\{([a-z0-9/-]+)\/(\w+)\}/g, (_, file: string, name: string) => {
    const names = module.imports.get(file) ?? new Set();
    module.imports.set(file, names.add(name));
    return name;
  });
}

/** Returns `name: type` in a typed module, otherwise `name`. */
export const annotated = (module: ModuleCode, name: string, type: string): string =>
  module.typed ? `${name}: ${type}` : name;

/** Returns `code as type` in a typed module, otherwise the code. */
export const cast = (module: ModuleCode, code: string, type: string): string =>
  module.typed ? `${code} as ${type}` : code;

/** Adds a constant to the module, unless it has one with the same code, and returns its name: the kind and a number. */
export function constant(module: ModuleCode, code: string, kind: string): string {
  const known = module.constants.get(code);
  if (known !== undefined) return known;
  const taken = [...module.constants.values()].filter((name) => name.replace(/\d+$/, '') === kind).length;
  const name = `${kind}${taken + 1}`;
  module.constants.set(code, name);
  return name;
}

/** Returns a TypeScript string literal in single quotes. */
export function quoteText(text: string): string {
  const escaped = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'");
  return `'${escaped.replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')}'`;
}
