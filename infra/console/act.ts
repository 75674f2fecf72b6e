import type { IncomingMessage, ServerResponse } from 'node:http';
import type { z } from 'zod';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { parseOrExplain } from '../../functions/runtime/step-config.ts';
import type { DoneAnswer } from './action-answers.ts';
import type { Asked } from './asked.ts';
import type { ConsoleSource } from './source.ts';

/** A request that does something: its body is what the page says. */
export interface AskedAct extends Asked {
  readonly body: unknown;
}

/** The data of an event has up to 1 MB, and more as a text in JSON. */
const MOST_BYTES = 8 * 1024 ** 2;

/** Why a request that would do something is not even looked at. */
export interface Refusal {
  readonly status: 403 | 415;
  readonly why: string;
}

/**
 * Refuses requests that a form or a script of another site could send: those without `Origin`, which every browser
 * sends with what is no GET, and those that are not JSON, which no form can send. `admit` has compared the origin.
 */
export function whyNoAct({ headers }: IncomingMessage): Refusal | undefined {
  if (headers.origin === undefined)
    return { status: 403, why: 'the request does not say which page it comes from: it has no Origin' };
  if (!/^application\/json(?:;|$)/.test(headers['content-type'] ?? ''))
    return { status: 415, why: `the body has the type '${headers['content-type'] ?? ''}': use application/json` };
  return undefined;
}

/** Reads the body of a request as JSON. Throws a `UserMistake` for a body that is too large, or no JSON. */
export async function bodyOf(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) {
      response.setHeader('connection', 'close');
      throw new UserMistake(`the body has more than ${MOST_BYTES / 1024 ** 2} MB`);
    }
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString()) as unknown;
  } catch {
    throw new UserMistake('the body is not JSON');
  }
}

/** Checks a body. Throws a `UserMistake` when it does not fit. */
export function parseBody<Body extends z.ZodType>(schema: Body, { body }: AskedAct): z.output<Body> {
  return parseOrExplain(schema as z.ZodType<z.output<Body>>, body, 'the request');
}

/** Throws a `UserMistake` in a console that only reads. */
export function refuseReadOnly({ writes }: Pick<ConsoleSource, 'writes'>): void {
  if (!writes) throw new UserMistake('this console only reads: start it with --write, or use the command line');
}

/** Answers what was done, and notes it where the console was started. */
export function done({ note }: Pick<ConsoleSource, 'note'>, said: string): DoneAnswer {
  note?.(said);
  return { said };
}
