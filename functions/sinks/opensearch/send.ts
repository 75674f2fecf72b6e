/** A request to OpenSearch, and its reply. */
export interface SearchRequest {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** It needs no escapes: the names of our indices have none. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
}

export interface SearchReply {
  readonly status: number;
  readonly text: string;
}

/** Sends a request to the server at an endpoint. Rejects when there is no whole reply. */
export type Send = (endpoint: string, request: SearchRequest, signal: AbortSignal) => Promise<SearchReply>;

/** Sends by Node's own client. Connections stay open between requests; a redirect is a reply like any other. */
export const sendByFetch: Send = async (endpoint, { method, path, headers, body }, signal) => {
  const response = await fetch(new URL(path, endpoint), {
    method,
    headers: { 'user-agent': 'Millrace', 'accept-encoding': 'identity', ...headers },
    ...(body === undefined ? {} : { body: body as Uint8Array<ArrayBuffer> }),
    redirect: 'manual',
    signal,
  });
  return { status: response.status, text: await boundedText(response) };
};

/** A reply about 5,000 documents has some 2 MB, and up to as many with reasons. */
const MOST_BYTES = 32 * 1024 ** 2;

async function boundedText({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MOST_BYTES) throw new Error(`answers with more than ${MOST_BYTES / 1024 ** 2} MiB`);
  }
  return Buffer.concat(chunks).toString();
}
