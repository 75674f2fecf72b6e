import { SignatureV4 } from '@smithy/signature-v4';
import { s3Client } from '../../../runtime/aws/s3.ts';

/** A request to a catalogue. */
export interface CatalogRequest {
  readonly method: 'GET' | 'POST';
  /** Behind the endpoint, encoded: `/v1/config`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface CatalogAnswer {
  readonly status: number;
  readonly text: string;
}

/** Sends a request. Rejects when there is no answer: nobody knows then whether it was carried out. */
export type Send = (to: CatalogEndpoint, request: CatalogRequest, signal: AbortSignal) => Promise<CatalogAnswer>;

export interface CatalogEndpoint {
  /** Without a slash at its end. */
  readonly endpoint: string;
  /** The service that requests are signed for. Undefined: they are not signed. */
  readonly signedFor?: 's3tables' | 'glue' | undefined;
}

/** A request that takes longer is given up, so that it cannot use up an invocation's time. */
const REQUEST_MILLIS = 30_000;

/** A catalogue never says as much, unless it is none. */
const MOST_BYTES = 64 * 1024 * 1024;

/** Sends by Node's own client, signed with the function's credentials. */
export const sendByFetch: Send = async ({ endpoint, signedFor }, { method, path, query = {}, body }, signal) => {
  const url = new URL(`${endpoint}${path}`);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const plain = { host: url.host, ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
  const headers =
    signedFor === undefined ? plain : await signed({ url, method, headers: plain, query, body }, signedFor);
  const { host: _host, ...sent } = headers;
  const response = await fetch(url, {
    method,
    headers: sent,
    redirect: 'manual',
    signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MILLIS)]),
    ...(body === undefined ? {} : { body }),
  });
  return { status: response.status, text: await textOf(response) };
};

interface ToSign {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

async function signed(
  { url, method, headers, query, body }: ToSign,
  service: string,
): Promise<Readonly<Record<string, string>>> {
  signers ??= s3Client({ pathStyle: false }).config;
  const { credentials, region, sha256 } = signers;
  const signer = new SignatureV4({ service, region: await region(), credentials, sha256 });
  const request = {
    method,
    protocol: url.protocol,
    hostname: url.hostname,
    path: url.pathname,
    headers: { ...headers },
    query: { ...query },
    ...(body === undefined ? {} : { body }),
  };
  return (await signer.sign(request)).headers;
}

/** The credentials, the region and the hash that the function's AWS clients have. */
let signers: ReturnType<typeof s3Client>['config'] | undefined;

async function textOf({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MOST_BYTES) throw new Error(`the catalogue's answer has more than ${MOST_BYTES} bytes`);
  }
  return Buffer.concat(chunks).toString();
}
