import { z } from 'zod';
import { exactJson, parseExactly } from '../../../../functions/sinks/iceberg/catalog/exact-json.ts';
import { type Metadata, NewTable, newMetadata, Requirement, Update, update, violation } from './metadata.ts';

/** A catalogue of Iceberg tables in memory: the part of the REST protocol that readers and the sink use. */
export interface IcebergCatalog {
  answer(request: IcebergRequest): Promise<IcebergAnswer>;
  /** Returns the metadata of a table, as the catalogue has them now. Undefined: there is no such table. */
  metadata(namespace: string, table: string): Metadata | undefined;
}

export interface IcebergRequest {
  readonly method: string;
  readonly path: string;
  readonly body?: string | undefined;
}

export interface IcebergAnswer {
  readonly status: number;
  readonly text: string;
}

export interface CatalogSettings {
  /** The folder of tables whose creator names none, without a slash at its end: `s3://lake/iceberg`. */
  readonly folder: string;
  readonly now: () => number;
  /** Stores the metadata of each version, so that programs can read a table without the catalogue. */
  store(url: string, text: string): Promise<void>;
  /** Removes the metadata of an old version. */
  remove(url: string): Promise<void>;
}

/** How many versions of a table's metadata stay: each names all snapshots. */
const VERSIONS_KEPT = 10;

class Refused extends Error {
  readonly status: number;
  readonly type: string;

  constructor(status: number, type: string, message: string) {
    super(message);
    this.status = status;
    this.type = type;
  }
}

interface Stored {
  metadata: Metadata;
  version: number;
  readonly urls: string[];
}

const Commit = z.object({ requirements: z.array(Requirement), updates: z.array(Update) });
const NewNamespace = z.object({ namespace: z.array(z.string()).length(1) });

export function createCatalog(settings: CatalogSettings): IcebergCatalog {
  const { folder, now } = settings;
  const namespaces = new Map<string, Map<string, Stored>>();

  const tablesOf = (namespace: string): Map<string, Stored> => {
    const tables = namespaces.get(namespace);
    if (tables === undefined)
      throw new Refused(404, 'NoSuchNamespaceException', `Namespace does not exist: ${namespace}`);
    return tables;
  };
  const tableAt = (namespace: string, table: string): Stored => {
    const stored = namespaces.get(namespace)?.get(table);
    if (stored === undefined)
      throw new Refused(404, 'NoSuchTableException', `Table does not exist: ${namespace}.${table}`);
    return stored;
  };
  const shown = ({ metadata, urls }: Stored): object => ({ 'metadata-location': urls.at(-1), metadata, config: {} });

  /** Nothing is awaited between the check of a table and its change: requests are carried out one after the other. */
  async function put(stored: Stored, metadata: Metadata): Promise<object> {
    stored.version++;
    stored.metadata = metadata;
    const name = `${String(stored.version).padStart(5, '0')}-${metadata['table-uuid']}.metadata.json`;
    const url = `${metadata.location}/metadata/${name}`;
    stored.urls.push(url);
    const answer = shown(stored);
    const old = stored.urls.length > VERSIONS_KEPT ? stored.urls.shift() : undefined;
    await settings.store(url, exactJson(metadata));
    if (old !== undefined) await settings.remove(old);
    return answer;
  }

  const createNamespace = (body: unknown): object => {
    const { namespace } = NewNamespace.parse(body);
    const [name = ''] = namespace;
    if (namespaces.has(name)) throw new Refused(409, 'AlreadyExistsException', `Namespace already exists: ${name}`);
    namespaces.set(name, new Map());
    return { namespace, properties: {} };
  };

  const createTable = (namespace: string, body: unknown): Promise<object> => {
    const tables = tablesOf(namespace);
    const table = NewTable.parse(body);
    if (tables.has(table.name))
      throw new Refused(409, 'AlreadyExistsException', `Table already exists: ${namespace}.${table.name}`);
    const location = `${folder}/${namespace}/${table.name}`;
    const stored: Stored = { metadata: newMetadata(table, { location, nowMillis: now() }), version: -1, urls: [] };
    tables.set(table.name, stored);
    return put(stored, stored.metadata);
  };

  const commit = (stored: Stored, body: unknown): Promise<object> => {
    const { requirements, updates } = Commit.parse(body);
    for (const requirement of requirements) {
      const why = violation(stored.metadata, requirement);
      if (why !== undefined)
        throw new Refused(409, 'CommitFailedException', `Requirement failed: ${requirement.type}: ${why}`);
    }
    const metadata = structuredClone(stored.metadata);
    for (const change of updates) update(metadata, change, now());
    metadata['last-updated-ms'] = now();
    return put(stored, metadata);
  };

  async function routeTable(
    method: string,
    { namespace, table }: { readonly namespace: string; readonly table: string },
    body: unknown,
  ): Promise<object> {
    const stored = tableAt(namespace, table);
    if (method === 'DELETE') return { dropped: tablesOf(namespace).delete(table) };
    return method === 'POST' ? commit(stored, body) : shown(stored);
  }

  async function route({ method, path, body }: IcebergRequest): Promise<object> {
    const parts = path.split('/').slice(2).map(decodeURIComponent);
    const [what, namespace = '', inside, table] = parts;
    const parsed = body === undefined || body === '' ? undefined : parseExactly(body);
    if (what === 'config') return { defaults: {}, overrides: {} };
    if (what !== 'namespaces' || (inside !== undefined && inside !== 'tables') || parts.length > 4)
      throw new Refused(404, 'NotFoundException', `there is nothing at ${path}`);
    if (parts.length === 1)
      return method === 'POST' ? createNamespace(parsed) : { namespaces: [...namespaces.keys()].map((one) => [one]) };
    if (table !== undefined) return routeTable(method, { namespace, table }, parsed);
    if (inside === undefined) return { namespace: [namespace], properties: {}, tables: tablesOf(namespace).size };
    if (method === 'POST') return createTable(namespace, parsed);
    return { identifiers: [...tablesOf(namespace).keys()].map((name) => ({ namespace: [namespace], name })) };
  }

  return {
    metadata: (namespace, table) => namespaces.get(namespace)?.get(table)?.metadata,
    async answer(request) {
      try {
        return { status: 200, text: exactJson(await route(request)) };
      } catch (error) {
        const { status, type, message } =
          error instanceof Refused
            ? error
            : { status: 400, type: 'BadRequestException', message: (error as Error).message };
        return { status, text: JSON.stringify({ error: { message, type, code: status } }) };
      }
    },
  };
}
