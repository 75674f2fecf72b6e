import { UserMistake } from '../../runtime/errors.ts';
import { backOffMillis, type Sleep } from '../../runtime/log/back-off.ts';
import type { Authorization } from './authorize.ts';
import type { SearchReply, SearchRequest, Send } from './send.ts';

/** What sending needs from outside. Tests give it a server and a clock of their own. */
export interface Sending {
  readonly send: Send;
  readonly sleep: Sleep;
  readonly random: () => number;
}

export interface SearchServer extends Sending {
  readonly endpoint: string;
  readonly authorization: Authorization;
}

/** A question to the server. The body is JSON, or lines of it. */
export interface Question {
  readonly method: SearchRequest['method'];
  readonly path: string;
  readonly json?: unknown;
  readonly lines?: Uint8Array;
}

/** A reply whose text is JSON. */
export interface Answer {
  readonly status: number;
  readonly json: unknown;
}

export const ATTEMPTS = 5;
/** A server that has no time needs more of it than a connection that broke. */
const BACK_OFF_FROM = 2;
const TIMEOUT_MILLIS = 30_000;

/**
 * Asks the server, again if it is away or has no time, and resolves to its answer: of 2xx, or of a 4xx that says
 * something about the question. Throws for everything else: the step waits.
 */
export async function ask(server: SearchServer, question: Question, signal: AbortSignal): Promise<Answer> {
  for (let attempt = 1; ; attempt++) {
    const reply = await attemptOf(server, question, signal);
    if (typeof reply !== 'string') return answerOf(server, reply);
    if (attempt === ATTEMPTS) throw new Error(`${server.endpoint} ${reply} (attempt ${attempt})`);
    await pauseBefore(attempt, server, signal);
  }
}

/** Waits between attempts. */
export async function pauseBefore(attempt: number, { sleep, random }: Sending, signal: AbortSignal): Promise<void> {
  await sleep(backOffMillis(attempt + BACK_OFF_FROM, random), signal);
}

/** Tells whether a status says that a later attempt may succeed. */
export function isPassing(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

/** Resolves to why there is no answer, where a later attempt may get one. */
async function attemptOf(
  { endpoint, authorization, send }: SearchServer,
  { method, path, json, lines }: Question,
  signal: AbortSignal,
): Promise<SearchReply | string> {
  const body = lines ?? (json === undefined ? undefined : Buffer.from(JSON.stringify(json)));
  const type = lines === undefined ? 'application/json' : 'application/x-ndjson';
  const headers: Readonly<Record<string, string>> = body === undefined ? {} : { 'content-type': type };
  const request = await authorization.authorized(endpoint, { method, path, headers, body }, signal);
  const timeout = AbortSignal.timeout(TIMEOUT_MILLIS);
  try {
    const reply = await send(endpoint, request, AbortSignal.any([signal, timeout]));
    return isPassing(reply.status) ? `answered ${reply.status}` : reply;
  } catch (error) {
    signal.throwIfAborted();
    return timeout.aborted ? `did not answer within ${TIMEOUT_MILLIS / 1_000} s` : failureText(error);
  }
}

/** `fetch` says no more than that it failed; the cause says why. */
function failureText(error: unknown): string {
  const { message, cause } = error as { readonly message?: string; readonly cause?: { readonly code?: string } };
  return `is not reached: ${cause?.code ?? message ?? String(error)}`;
}

function answerOf({ endpoint, authorization }: SearchServer, { status, text }: SearchReply): Answer {
  if (status === 401 || status === 403) {
    authorization.renew();
    throw new UserMistake(`${endpoint} answered ${status}: ${authorization.fix}`);
  }
  if (status >= 300 && status < 400)
    throw new UserMistake(`${endpoint} answered ${status}: redirects are not followed; use the final endpoint`);
  // A proxy that refuses a body that is too large need not speak JSON.
  if (status === 413) return { status, json: undefined };
  try {
    return { status, json: JSON.parse(text) };
  } catch {
    throw new Error(`${endpoint} answered ${status} with what is no JSON: is it the endpoint of OpenSearch?`);
  }
}
