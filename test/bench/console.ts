// Lies in the folder with the browser, whose globals the other benchmarks do not know: so it has no types here.
await import(new URL('../console/bench.ts', import.meta.url).href);
