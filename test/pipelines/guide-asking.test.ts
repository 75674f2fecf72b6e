import { expect, test } from 'vitest';
import { z } from 'zod';
import { postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { httpSource } from '../../functions/sources/http/http.ts';
import { definePipeline } from '../../infra/pipelines/pipeline.ts';
import { givenPipeline } from '../kit/given.ts';

const Payment = z.object({ id: z.string(), amount: z.number() });
const Score = z.object({ id: z.string(), risk: z.number() });

const risk = definePipeline({
  name: 'risk',
  streams: { payments: { schema: Payment }, scores: { schema: Score } },
  sources: { answers: { read: httpSource({ schema: Score, type: 'payment.scored', key: 'id' }), to: 'scores' } },
  sinks: {
    questions: { from: 'payments', write: postgresSink({ table: 'payments', key: ['id'], create: true }) },
    scored: { from: 'scores', write: postgresSink({ table: 'scores', key: ['id'], create: true }) },
  },
});

/** Asks four questions at a time, each for two seconds at most. Leaves out those that nobody answers. */
async function answersTo<Q, A>(
  questions: readonly Q[],
  ask: (question: Q, signal: AbortSignal) => Promise<A>,
): Promise<readonly A[]> {
  const answers: A[] = [];
  const waiting = questions.values();
  const askOneByOne = async () => {
    for (const question of waiting) {
      const answer = await ask(question, AbortSignal.timeout(2_000)).catch(() => undefined);
      if (answer !== undefined) answers.push(answer);
    }
  };
  await Promise.all([askOneByOne(), askOneByOne(), askOneByOne(), askOneByOne()]);
  return answers;
}

test('every payment is scored once, though the service fails and a round is repeated', async () => {
  const run = await givenPipeline(risk);
  const payments = Array.from({ length: 10 }, (_, n) => ({ id: `p${n}`, amount: n * 100 }));
  await run.given('payments', payments);
  await run.settled();

  let asked = 0;
  const scoreOf = async ({ id, amount }: z.infer<typeof Payment>) => {
    asked += 1;
    if (asked % 3 === 0) throw new Error('the service is down');
    return { id, risk: amount / 1_000 };
  };
  for (let round = 1; round <= 3; round++) {
    const scored = new Set(run.table('scores').map(({ id }) => id));
    const open = run.table('payments').filter(({ id }) => !scored.has(id));
    const answers = await answersTo(z.array(Payment).parse(open), scoreOf);
    if (answers.length > 0) await run.posted('answers', answers);
    if (round === 1) await run.posted('answers', answers);
    await run.settled();
  }
  expect(run.table('scores')).toHaveLength(10);
  expect(run.table('scores')).toContainEqual({ id: 'p7', risk: 0.7 });
});
