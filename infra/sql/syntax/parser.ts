import { setFlagsFromString } from 'node:v8';

type Parser = typeof import('libpg-query');

let loaded: Promise<Parser> | undefined;

/** Postgres's parser, which is WebAssembly: loaded once, when there is something to parse. */
export function loadParser(): Promise<Parser> {
  loaded ??= loadCold();
  return loaded;
}

/**
 * V8 would optimise the parser after its first few statements. One of its functions has a hundred thousand
 * instructions, which takes 500 MB and two seconds, beside work that has begun, and nobody parses that much. A module
 * has the budget that is set when it is loaded.
 */
async function loadCold(): Promise<Parser> {
  setFlagsFromString('--wasm-tiering-budget=2000000000');
  try {
    const parser = await import('libpg-query');
    await parser.loadModule();
    return parser;
  } finally {
    setFlagsFromString(`--wasm-tiering-budget=${BUDGET_OF_V8}`);
  }
}

const BUDGET_OF_V8 = 13_000_000;
