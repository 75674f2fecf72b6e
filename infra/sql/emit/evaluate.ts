import { SqlError } from '../../../functions/runtime/sql/errors/sql-error.ts';
import { factsOf } from '../catalog/type-facts.ts';
import type { Checked } from '../plan/checked.ts';
import { emit } from './expression.ts';
import type { ModuleCode } from './module-code.ts';
import { expand, javascriptModule } from './module-code.ts';
import { runtimeModules } from './runtime-modules.ts';

/** Runs generated code in this process: used for constants, for `millrace sql` and by the tests. */
export function instantiate(module: ModuleCode, body: string): unknown {
  const names = [...module.imports.values()].flatMap((set) => [...set]);
  const values = [...module.imports].flatMap(([file, set]) => [...set].map((name) => runtimeModules[file]?.[name]));
  const constants = [...module.constants].map(([code, name]) => `const ${name} = ${code};`);
  return new Function(...names, ['"use strict";', ...constants, body].join('\n'))(...values);
}

/** Evaluates a constant expression. Returns its value as text, or the error that it raises. */
export function evaluateConstant(expression: Checked): { text?: string | null; error?: SqlError } {
  const module = javascriptModule();
  const code = emit(module, expression);
  const toText = expand(module, factsOf(expression.type).toText);
  try {
    const text = instantiate(module, `const value = ${code};\nreturn value === null ? null : ${toText}(value);`);
    return { text: text as string | null };
  } catch (error) {
    if (error instanceof SqlError) return { error };
    throw error;
  }
}
