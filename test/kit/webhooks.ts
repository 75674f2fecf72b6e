import type { Answer } from '../../functions/sinks/webhook/answer.ts';
import type { WebhookRequest } from '../../functions/sinks/webhook/request.ts';

/** A request that a receiver has got. */
export interface ReceivedRequest {
  /** The same for each repeat of an event. */
  readonly id: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The status that the receiver answered with. */
  readonly status: number;
}

/** Returns the status of the answer to a request. */
export type AnswerBy = (request: Omit<ReceivedRequest, 'status'>) => number;

/** Receivers of webhooks in memory, one for each step, by the path of their URL. */
export interface Webhooks {
  receive(url: string, request: Pick<WebhookRequest, 'headers' | 'body'>): Answer;
  answer(path: string, by: AnswerBy): void;
  requests(path: string): readonly ReceivedRequest[];
}

/** Nobody listens here: the receivers of a run are in its memory. */
export const WEBHOOKS = 'http://127.0.0.1:1';

export function createWebhooks(): Webhooks {
  const received = new Map<string, ReceivedRequest[]>();
  const answers = new Map<string, AnswerBy>();
  return {
    receive(url, { headers, body }) {
      const path = new URL(url).pathname;
      const request = { id: headers['webhook-id'] ?? '', headers, body: Buffer.from(body).toString() };
      const status = answers.get(path)?.(request) ?? 204;
      received.set(path, [...(received.get(path) ?? []), { ...request, status }]);
      return { status, retryAfter: undefined, location: undefined, start: '' };
    },
    answer: (path, by) => answers.set(path, by),
    requests: (path) => received.get(path) ?? [],
  };
}
