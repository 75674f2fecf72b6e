import { setTimeout as delay } from 'node:timers/promises';

const EVENTS_A_REQUEST = 100;

/** Sends events to an HTTP source, in order: each request waits for the reply to the one before. Returns how many. */
export async function sendAll(url: string, events: readonly object[], type = 'application/json'): Promise<number> {
  let accepted = 0;
  for (let start = 0; start < events.length; start += EVENTS_A_REQUEST) {
    const body = JSON.stringify(events.slice(start, start + EVENTS_A_REQUEST));
    const reply = await postUntilAccepted(url, body, type);
    accepted += ((await reply.json()) as { accepted: number }).accepted;
  }
  return accepted;
}

/** Posts a body, and retries after 429 and 503 as the reply asks. */
async function postUntilAccepted(url: string, body: string, type: string): Promise<Response> {
  for (;;) {
    const reply = await post(url, body, type);
    if (reply.status === 202) return reply;
    if (reply.status !== 429 && reply.status !== 503) {
      throw new Error(`${url} replied ${reply.status}: ${await reply.text()}`);
    }
    await delay(1_000 * Number(reply.headers.get('retry-after') ?? 1));
  }
}

export function post(url: string, body: string, type = 'application/json'): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { 'content-type': type }, body });
}
