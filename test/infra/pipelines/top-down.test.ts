import { expect, test } from 'vitest';
import { definePipeline, type Pipeline } from '../../../infra/pipelines/pipeline.ts';
import { planOf } from '../../../infra/pipelines/plan.ts';
import { topDown } from '../../../infra/pipelines/top-down.ts';
import { audit, Line, orderOfLine, pipelines, pushed, shop } from './example.ts';

function itemsOf(pipeline: Pipeline, all: readonly Pipeline[] = pipelines): readonly string[] {
  return topDown(planOf(pipeline, all)).map((item) => {
    if (item.what === 'step') return item.step.name;
    return `(${item.stream.kind === 'own' ? item.stream.name : 'foreign'})`;
  });
}

test('a pipeline from top to bottom has a stream after all that write to it, and before all that read it', () => {
  expect(itemsOf(shop)).toEqual(['till', 'uploads', '(lines)', 'ordering', '(orders)', 'lake', 'order_table']);
  expect(itemsOf(audit)).toEqual([
    ...['partners', '(foreign)', 'corrections', '(orders)', 'keeping', '(kept)', 'audit_table'],
  ]);
});

test('a circle of transforms has everything once', () => {
  const there = { ...orderOfLine, to: Line };
  const circle = definePipeline({
    name: 'circle',
    streams: { a: { schema: Line }, b: { schema: Line } },
    sources: { start: { read: pushed<{ id: string; total: number }>(), to: 'a' } },
    transforms: { back: { from: 'b', apply: there, to: 'a' }, forth: { from: 'a', apply: there, to: 'b' } },
  });
  expect(itemsOf(circle, [circle]).toSorted()).toEqual(['(a)', '(b)', 'back', 'forth', 'start']);
});
