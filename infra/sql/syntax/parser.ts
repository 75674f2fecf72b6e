import { setFlagsFromString } from 'node:v8';

type Parser = typeof import('libpg-query');

let loaded: Promise<Parser> | undefined;

/** Loads Postgres's parser (WebAssembly) on the first call. */
export function loadParser(): Promise<Parser> {
  loaded ??= loadCold();
  return loaded;
}

/**
 * Loads the parser with V8's optimisation switched off. V8 would optimise it in the background after a few statements;
 * for one function of a hundred thousand instructions that takes 500 MB and two seconds, and nobody parses enough
 * statements to gain from it. A module keeps the tiering budget that is set when it is loaded.
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
