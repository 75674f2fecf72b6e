import { z } from 'zod';
import { cutText } from '../../../runtime/cut-text.ts';
import { exactJson, parseExactly } from './exact-json.ts';
import type { CatalogAnswer, CatalogEndpoint, CatalogRequest, Send } from './send.ts';
import { type Table, tableOf } from './table-metadata.ts';

/** Where a table is. */
export interface TableAddress extends CatalogEndpoint {
  /** What the catalogue is asked about first: an account, the ARN of a table bucket. */
  readonly warehouse: string;
  readonly namespace: string;
  readonly table: string;
}

/**
 * What became of a commit. `conflict`: somebody else has committed, and nothing of this commit was carried out.
 * `unknown`: it may have been carried out, now or later.
 */
export type Committed = 'committed' | 'conflict' | 'unknown';

/** A table in a catalogue that speaks Iceberg's REST protocol (Apache Iceberg, "REST Catalog", version 1). */
export interface TableCatalog {
  /** Resolves to undefined when there is no such table. */
  load(signal: AbortSignal): Promise<Table | undefined>;
  /** Makes the table. Resolves, too, when it is there already. */
  create(request: CreateTable, signal: AbortSignal): Promise<void>;
  /** Makes the namespace. Resolves, too, when it is there already. */
  createNamespace(signal: AbortSignal): Promise<void>;
  commit(changes: Changes, signal: AbortSignal): Promise<Committed>;
}

export interface CreateTable {
  readonly location?: string | undefined;
  readonly schema: object;
  readonly 'partition-spec'?: object | undefined;
  readonly properties: Readonly<Record<string, string>>;
}

/** Updates that are carried out together, where all requirements hold. */
export interface Changes {
  readonly requirements: readonly object[];
  readonly updates: readonly object[];
}

const Config = z.object({
  defaults: z.record(z.string(), z.string()).default({}),
  overrides: z.record(z.string(), z.string()).default({}),
});

const Loaded = z.object({ metadata: z.unknown() });

export function openCatalog(address: TableAddress, send: Send): TableCatalog {
  const { warehouse, namespace, table } = address;
  let prefix: Promise<string> | undefined;

  async function askPrefix(signal: AbortSignal): Promise<string> {
    const answer = await send(address, { method: 'GET', path: '/v1/config', query: { warehouse } }, signal);
    if (answer.status !== 200) throw failed('the configuration', answer);
    const { defaults, overrides } = parsed(Config, answer);
    const name = overrides.prefix ?? defaults.prefix;
    return name === undefined ? '' : `/${name.split('/').map(encodedOnce).join('/')}`;
  }

  /** The prefix stays the same, so a process asks once. */
  const prefixOf = (signal: AbortSignal): Promise<string> => {
    prefix ??= askPrefix(signal).catch((error: unknown) => {
      prefix = undefined;
      throw error;
    });
    return prefix;
  };

  const ask = async (request: CatalogRequest, signal: AbortSignal): Promise<CatalogAnswer> =>
    send(address, { ...request, path: `/v1${await prefixOf(signal)}${request.path}` }, signal);

  const tables = `/namespaces/${encodeURIComponent(namespace)}/tables`;
  const path = `${tables}/${encodeURIComponent(table)}`;

  const post = (to: string, body: object, signal: AbortSignal): Promise<CatalogAnswer> =>
    ask({ method: 'POST', path: to, body: exactJson(body) }, signal);

  return {
    async load(signal) {
      const answer = await ask({ method: 'GET', path }, signal);
      if (answer.status === 404) return undefined;
      if (answer.status !== 200) throw failed(`table ${namespace}.${table}`, answer);
      return tableOf(parsed(Loaded, answer).metadata);
    },
    async create(request, signal) {
      const answer = await post(tables, { name: table, ...request }, signal);
      if (answer.status !== 200 && answer.status !== 409)
        throw failed(`the creation of table ${namespace}.${table}`, answer);
    },
    async createNamespace(signal) {
      const answer = await post('/namespaces', { namespace: [namespace], properties: {} }, signal);
      if (answer.status !== 200 && answer.status !== 409)
        throw failed(`the creation of namespace ${namespace}`, answer);
    },
    async commit({ requirements, updates }, signal) {
      const identifier = { namespace: [namespace], name: table };
      let answer: CatalogAnswer;
      try {
        answer = await post(path, { identifier, requirements, updates }, signal);
      } catch {
        signal.throwIfAborted();
        return 'unknown';
      }
      if (answer.status === 200) return 'committed';
      if (answer.status === 409) return 'conflict';
      if (answer.status === 429 || answer.status >= 500) return 'unknown';
      throw failed(`the commit to table ${namespace}.${table}`, answer);
    },
  };
}

/** A prefix is said as it stands in a path, or as it reads: an ARN with a slash comes encoded. */
function encodedOnce(part: string): string {
  return part.includes('%') ? part : encodeURIComponent(part);
}

function parsed<T>(schema: z.ZodType<T>, { text }: CatalogAnswer): T {
  let value: unknown;
  try {
    value = parseExactly(text);
  } catch {
    throw new Error(`the catalogue's answer is no JSON: it begins with ${JSON.stringify(cutText(text, 100))}`);
  }
  return schema.parse(value);
}

const Failure = z.object({ error: z.object({ message: z.string(), type: z.string().default('') }) });

function failed(what: string, { status, text }: CatalogAnswer): Error {
  const parsedText = ((): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      return undefined;
    }
  })();
  const { success, data } = Failure.safeParse(parsedText);
  const why = success ? `${data.error.type} ${data.error.message}`.trim() : cutText(text, 300);
  return new Error(`${what}: the catalogue answers ${status} ${why}`.trimEnd());
}
