import { join } from 'node:path';
import { build } from 'esbuild';
import { REPOSITORY } from '../repository.ts';

/** The files that a browser loads, by their path. */
export interface PageFile {
  readonly type: string;
  readonly contents: Uint8Array;
}

const PAGES = join(REPOSITORY, 'infra', 'console', 'pages');

/** Bundles the pages: one script and one style sheet. */
export async function bundlePages(): Promise<ReadonlyMap<string, PageFile>> {
  const { outputFiles } = await build({
    entryPoints: [
      { in: join(PAGES, 'main.tsx'), out: 'console' },
      { in: join(PAGES, 'console.css'), out: 'console' },
    ],
    outdir: '/',
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2023',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    tsconfig: join(PAGES, 'tsconfig.json'),
    legalComments: 'none',
    logLevel: 'silent',
  });
  const contentsOf = (ending: string): Uint8Array =>
    outputFiles.find(({ path }) => path.endsWith(ending))?.contents ?? new Uint8Array();
  return new Map([
    ['/console.js', { type: 'text/javascript; charset=utf-8', contents: contentsOf('.js') }],
    ['/console.css', { type: 'text/css; charset=utf-8', contents: contentsOf('.css') }],
    ['/icon.svg', { type: 'image/svg+xml', contents: Buffer.from(ICON) }],
  ]);
}

/** Every page is this document; the script shows what the path says. */
export const DOCUMENT = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Millrace</title>
<link rel="icon" href="/icon.svg">
<link rel="stylesheet" href="/console.css">
<script type="module" src="/console.js"></script>
</head>
<body></body>
</html>
`;

const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#1d4f91"/><path d="M5 12c4-4 7 4 11 0s7 4 11 0M5 20c4-4 7 4 11 0s7 4 11 0" fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round"/></svg>`;
