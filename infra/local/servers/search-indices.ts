import { type FieldMapping, refusalOf } from './search-mapping.ts';

/**
 * A few operations of OpenSearch in memory: those that the sink calls, on a single index each, and a list of all
 * documents. It compares external versions and checks the types of fields as OpenSearch does; it searches nothing.
 */
export interface SearchIndices {
  perform(request: SearchOperation): { readonly status: number; readonly text: string };
  /** Returns the documents of an index by their ids. */
  documents(index: string): ReadonlyMap<string, StoredDocument>;
}

export interface SearchOperation {
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

export interface StoredDocument {
  readonly version: bigint;
  /** JSON, as it came. */
  readonly source: string;
}

interface Index {
  readonly mapping: FieldMapping;
  readonly documents: Map<string, StoredDocument>;
}

/** What HTTP carries of an answer. The text is JSON. */
type Answer = readonly [status: number, text: string];

export function createSearchIndices(): SearchIndices {
  const indices = new Map<string, Index>();
  const answerTo = ({ method, path, body }: SearchOperation): Answer => {
    const [name = '', operation = '', id = ''] = path.split('?')[0]?.slice(1).split('/').map(decodeURIComponent) ?? [];
    if (name === '') return ok({ indices: [...indices.keys()] });
    const index = indices.get(name);
    switch (`${method} ${operation}`) {
      case 'PUT ':
        if (index !== undefined) return failed(400, 'resource_already_exists_exception', `index [${name}] exists`);
        indices.set(name, { mapping: parsed(body).mappings ?? {}, documents: new Map() });
        return ok({ acknowledged: true, index: name });
      case 'DELETE ':
        indices.delete(name);
        return ok({ acknowledged: true });
      case 'POST _bulk': {
        // OpenSearch makes an index that is missing.
        const written = index ?? { mapping: {}, documents: new Map() };
        indices.set(name, written);
        return bulk(written, body);
      }
    }
    if (index === undefined) return failed(404, 'index_not_found_exception', `no such index [${name}]`);
    switch (`${method} ${operation}`) {
      case 'GET _mapping':
        return ok({ [name]: { mappings: index.mapping } });
      case 'GET _doc':
        return documentAnswer(id, index.documents.get(id));
      case 'POST _refresh':
        return ok({ _shards: { failed: 0 } });
      case 'POST _count':
        return count(index, parsed(body));
      case 'GET _search':
        return [200, `{"hits":{"hits":[${[...index.documents].map(([key, one]) => hitOf(key, one)).join(',\n')}]}}`];
      default:
        return failed(400, 'illegal_argument_exception', `${method} ${path} is not among the operations of dev`);
    }
  };
  return {
    perform(operation) {
      const [status, text] = answerTo(operation);
      return { status, text };
    },
    documents: (name) => indices.get(name)?.documents ?? new Map(),
  };
}

function bulk({ mapping, documents }: Index, body: string): Answer {
  const lines = body.split('\n');
  if (lines.pop() !== '') return failed(400, 'illegal_argument_exception', 'The bulk request must end with a newline');
  const items: object[] = [];
  for (let at = 0; at < lines.length; at += 2) {
    const action = parsed(lines[at] ?? '') as Readonly<Record<string, Action>>;
    const [[kind, given] = ['', {} as Action]] = Object.entries(action);
    const { _id: id, version } = given;
    const source = lines[at + 1] ?? '';
    const stored = documents.get(id);
    const next = version === undefined ? (stored?.version ?? 0n) + 1n : BigInt(version);
    const error = refusalOf(JSON.parse(source), mapping);
    if (error !== undefined) items.push({ [kind]: { _id: id, status: 400, error } });
    else if (stored !== undefined && (kind === 'create' || next <= stored.version))
      items.push({ [kind]: { _id: id, status: 409, error: { type: 'version_conflict_engine_exception' } } });
    else {
      documents.set(id, { version: next, source });
      items.push({ [kind]: { _id: id, status: stored === undefined ? 201 : 200 } });
    }
  }
  return ok({ errors: true, items });
}

interface Action {
  readonly _id: string;
  /** Digits: versions have up to 63 bits. */
  readonly version?: string;
}

function count({ documents }: Index, body: { readonly query?: unknown }): Answer {
  const { bool } = (body.query ?? {}) as {
    readonly bool?: { readonly must_not?: readonly { readonly ids?: { readonly values: readonly string[] } }[] };
  };
  const left = new Set(bool?.must_not?.flatMap(({ ids }) => ids?.values ?? []));
  return ok({ count: [...documents.keys()].filter((id) => !left.has(id)).length });
}

function documentAnswer(id: string, document: StoredDocument | undefined): Answer {
  return document === undefined
    ? [404, JSON.stringify({ _id: id, found: false })]
    : [200, `${hitOf(id, document).slice(0, -1)},"found":true}`];
}

/** Written by hand: a version has more digits than a number of JavaScript holds, and the source stays as it came. */
function hitOf(id: string, { version, source }: StoredDocument): string {
  return `{"_id":${JSON.stringify(id)},"_version":${version},"_source":${source}}`;
}

type Reviver = (...of: [key: string, value: unknown, context: { readonly source?: string }]) => unknown;

/** Parses JSON. A number that JavaScript would change stays the digits that it was. */
function parsed(text: string): { readonly mappings?: FieldMapping; readonly query?: unknown } {
  const exact: Reviver = (_key, value, { source }) =>
    typeof value === 'number' && !Number.isSafeInteger(value) ? source : value;
  return JSON.parse(text, exact as Parameters<typeof JSON.parse>[1]);
}

function ok(json: object): Answer {
  return [200, JSON.stringify(json)];
}

function failed(status: number, type: string, reason: string): Answer {
  return [status, JSON.stringify({ error: { type, reason }, status })];
}
