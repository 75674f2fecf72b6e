import type { Mistake } from '../mistakes.ts';

const WEBHOOK = 'functions/sinks/webhook';

/** Mistakes in sinks that are not in the chain, which the schedules of sinks have to catch. */
export const mistakesInSinks: Readonly<Record<string, Mistake>> = {
  /** Makes the id anew for each attempt: a receiver takes a repeat for another event. */
  'webhook-id-by-attempt': [
    {
      file: `${WEBHOOK}/request.ts`,
      text: 'const id = requestIdOf(event);',
      mistake: 'const id = requestIdOf(event) + Math.random();',
    },
  ],

  /** Sends the events of one key at once: a later one may arrive first. */
  'webhook-in-no-order': [
    {
      file: `${WEBHOOK}/send-events.ts`,
      text: 'return Map.groupBy(events, ({ key }) => key);',
      mistake: 'return new Map(events.map((event) => [event.position, [event]]));',
    },
  ],

  /** Takes a receiver without time for one that refuses. */
  'webhook-throttled-is-refused': [
    {
      file: `${WEBHOOK}/answer.ts`,
      text: 'new Set([408, 425, 429])',
      mistake: 'new Set([408])',
    },
  ],

  /** Takes a request without an answer for one that has arrived. */
  'webhook-no-answer-is-done': [
    {
      file: `${WEBHOOK}/send-events.ts`,
      text: "return { kind: 'again' as const, why, afterMillis: undefined };",
      mistake: "return { kind: 'done' as const, why };",
    },
  ],
};
