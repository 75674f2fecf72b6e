import type { Answer } from './answer.ts';
import type { WebhookRequest } from './request.ts';

/** Sends one attempt, and resolves to what is kept of the answer. Rejects when there is none. */
export type Post = (
  url: string,
  request: Pick<WebhookRequest, 'headers' | 'body'>,
  signal: AbortSignal,
) => Promise<Answer>;

/** Sends by Node's own client. Connections stay open between requests; a redirect is an answer like any other. */
export const postByFetch: Post = async (url, { headers, body }, signal) => {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'user-agent': 'Millrace', accept: '*/*', 'accept-encoding': 'identity', ...headers },
    body: body as Uint8Array<ArrayBuffer>,
    redirect: 'manual',
    signal,
  });
  return {
    status: response.status,
    retryAfter: response.headers.get('retry-after') ?? undefined,
    location: response.headers.get('location') ?? undefined,
    start: await startOf(response),
  };
};

const MOST_BYTES = 2_048;

/** Reads the start of a body, and ends the connection of one that is longer: it may have no end. */
async function startOf({ body }: Response): Promise<string> {
  if (body === null) return '';
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    bytes += chunk.length;
    // Leaving the loop cancels the body.
    if (bytes >= MOST_BYTES) break;
  }
  return Buffer.concat(chunks).subarray(0, MOST_BYTES).toString();
}
