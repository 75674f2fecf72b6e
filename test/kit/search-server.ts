import { randomUUID } from 'node:crypto';
import { sleepFor } from '../../functions/runtime/log/back-off.ts';
import type { Sending } from '../../functions/sinks/opensearch/ask.ts';
import { sendByFetch } from '../../functions/sinks/opensearch/send.ts';
import { startSearchServer } from '../../infra/local/servers/search-server.ts';

/** A server of OpenSearch that tests write into: dev's own, or the real one of `npm run test:search`. */
export interface TestedSearch {
  readonly endpoint: string;
  /** True for the real server, which knows all of OpenSearch's rules. */
  readonly isReal: boolean;
  /** Asks the server itself, past the sink. */
  ask(method: string, path: string, body?: string): Promise<{ readonly status: number; readonly json: unknown }>;
  /** Returns the documents of an index by their ids, without the sink's own. */
  documents(index: string): Promise<ReadonlyMap<string, { readonly version: bigint; readonly source: unknown }>>;
  stop(): Promise<void>;
}

/** Where `npm run test:search` says that the real server is. */
export const REAL_SERVER = 'MILLRACE_TEST_SEARCH';

export async function startSearch(): Promise<TestedSearch> {
  const real = process.env[REAL_SERVER];
  const server = real === undefined ? await startSearchServer() : { endpoint: real, stop: async () => undefined };
  const send = async (method: string, path: string, body?: string) => {
    const response = await fetch(`${server.endpoint}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body }),
    });
    return { status: response.status, text: await response.text() };
  };
  return {
    endpoint: server.endpoint,
    isReal: real !== undefined,
    async ask(method, path, body) {
      const { status, text } = await send(method, path, body);
      return { status, json: JSON.parse(text) };
    },
    async documents(index) {
      await send('POST', `/${index}/_refresh`);
      // dev's server lists all documents, whatever is asked.
      const { status, text } = await send('GET', `/${index}/_search?version=true&size=10000`);
      if (status === 404) return new Map();
      const { hits } = JSON.parse(text, exactVersions as Parameters<typeof JSON.parse>[1]) as Hits;
      const others = hits.hits.filter(({ _source }) => !('millrace_owner' in _source));
      return new Map(others.map(({ _id, _version, _source }) => [_id, { version: BigInt(_version), source: _source }]));
    },
    stop: server.stop,
  };
}

interface Hits {
  readonly hits: {
    readonly hits: readonly { readonly _id: string; readonly _version: string; readonly _source: object }[];
  };
}

const exactVersions = (...[key, value, { source }]: [string, unknown, { readonly source?: string }]): unknown =>
  key === '_version' ? source : value;

/** Sends as the sink does on AWS. Tests wait between attempts only for the real server, which may need the time. */
export const WITHOUT_WAITING: Sending = {
  send: sendByFetch,
  random: () => 0,
  sleep: async (millis, signal) => {
    signal.throwIfAborted();
    if (process.env[REAL_SERVER] !== undefined) await sleepFor(millis, signal);
  },
};

/** Makes a name that no index of another test has, on a server that all tests share. */
export function freshIndex(): string {
  return `t${randomUUID()}`;
}
