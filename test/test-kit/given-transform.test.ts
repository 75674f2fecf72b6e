import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineTransform } from '../../functions/runtime/transform.ts';
import { given } from '../kit/given.ts';
import { event, refusal } from '../kit/given-events.ts';

const Word = z.object({ word: z.string() });
const Stamped = z.object({ word: z.string(), by: z.union([z.string(), z.number()]) });
const stampedBy = (by: () => string | number) =>
  defineTransform({
    entry: import.meta.url,
    from: Word,
    to: Stamped,
    apply: ({ data, time }) => {
      if (data.word === 'bomb') throw new Error('it went off');
      return data.word === ''
        ? []
        : [
            { type: 'word.stamped', data: { ...data, by: by() } },
            { type: 'word.seen', data: { word: 'seen', by: time } },
          ];
    },
  });
const pure = stampedBy(() => 'me');
const seen = { word: 'seen', by: '2026-05-05T00:00:00Z' };
const a = event({ key: 'k', time: '2026-05-05T00:00:00Z', data: { word: 'a' } });

describe('given events, a transform', () => {
  test('returns its outputs and rejections, in order', () => {
    given(pure, [a, { word: '' }, { word: 'bomb' }]).gives([
      { word: 'a', by: 'me' },
      event({ key: 'k', type: 'word.seen', time: '2026-05-05T00:00:00Z', data: seen }),
      refusal('transform', /^apply threw Error: it went off$/),
    ]);
  });

  test.each<[string, Parameters<ReturnType<typeof given<z.input<typeof Word>, z.input<typeof Stamped>>>['gives']>[0]]>([
    ['an event is missing', [{ word: 'a', by: 'me' }]],
    ['there is none', []],
    ['a field is missing', [{ word: 'a' } as never, seen]],
    ['the key is another', [event({ key: 'other', data: { word: 'a', by: 'me' } }), seen]],
    ['it should be refused', [refusal('transform'), seen]],
    ['there are too many', [{ word: 'a', by: 'me' }, seen, seen]],
  ])('does not give what is expected when %s', (_, expected) => {
    expect(() => given(pure, [a]).gives(expected)).toThrow('to deeply equal');
  });

  test.each<[string, Parameters<typeof refusal>]>([
    ['reason', ['schema']],
    ['message', ['transform', 'nothing of the kind']],
  ])('does not refuse for another %s than is expected', (_, expected) => {
    expect(() => given(pure, [{ word: 'bomb' }]).gives([refusal(...expected)])).toThrow('to deeply equal');
  });

  test('rejects an event for which it returns a promise, whose failure ends nothing', () => {
    const asks = (() => Promise.reject(new Error('the service is down'))) as never;
    const transform = defineTransform({ entry: import.meta.url, from: Word, to: Word, apply: asks });
    const nothing = defineTransform({ entry: import.meta.url, from: Word, to: Word, apply: (() => null) as never });
    given(transform, [a]).gives([refusal('transform', /^apply is async, .*docs\/transforms\.md/)]);
    given(nothing, [a]).gives([refusal('transform', 'apply returned null, not a list of outputs')]);
  });

  test('rejects an event that does not fit its schema', () => {
    given(pure, [event({ data: { word: 1 } })]).gives([refusal('schema', 'word')]);
  });

  test.each<[string, () => string | number]>([
    ['Date.now', () => Date.now()],
    ['new Date', () => new Date().toISOString()],
    ['Math.random', () => Math.random()],
    ['randomUUID', () => randomUUID()],
  ])('is found out when it uses %s', (_, by) => {
    expect(() => given(stampedBy(by), [a])).toThrow('the transform is not pure: event 0 gave');
  });
});

test('a transform whose apply is async does not compile, and is refused when it is defined', () => {
  const define = () =>
    defineTransform({
      entry: import.meta.url,
      from: Word,
      to: Word,
      // @ts-expect-error a transform waits for nobody
      apply: async ({ data }) => [{ type: 'word.asked', data }],
    });
  expect(define).toThrow('apply is async, and a transform waits for nobody: docs/transforms.md shows');
});
