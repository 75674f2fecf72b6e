import { expect, test } from 'vitest';
import { z } from 'zod';
import type { GraphNode } from '../../../infra/console/answers.ts';
import { layOut } from '../../../infra/console/graph-layout.ts';
import { pipelines } from '../../../infra/pipelines/all.ts';
import { definePipeline } from '../../../infra/pipelines/pipeline.ts';
import { planOf } from '../../../infra/pipelines/plan.ts';

const graphs = pipelines.map((pipeline) => layOut(planOf(pipeline, pipelines)));

test('a graph has every step once, and every stream that a step reads or writes', () => {
  for (const pipeline of pipelines) {
    const plan = planOf(pipeline, pipelines);
    const { nodes } = layOut(plan);
    const named = (kind: string): string[] => nodes.filter(({ node }) => node === kind).map(({ name }) => name);
    expect(named('step').sort()).toEqual(plan.steps.map(({ name }) => name).sort());
    const borrowed = Object.values(pipeline.streams).flatMap((stream) =>
      'of' in stream ? [`${stream.of.pipeline}/${stream.of.stream}`] : [],
    );
    expect(named('stream').sort()).toEqual([...plan.streams.map(({ name }) => name), ...borrowed].sort());
  }
});

test('every edge leads to the right, from a node of the graph to another', () => {
  for (const { nodes, edges } of graphs) {
    const byId = new Map(nodes.map((node) => [node.id, node]));
    expect(edges.length).toBeGreaterThan(3);
    for (const { from, to, path } of edges) {
      const [left, right] = [byId.get(from), byId.get(to)];
      expect((left?.x ?? 0) + (left?.width ?? 0)).toBeLessThanOrEqual(right?.x ?? 0);
      expect(path).toMatch(/^M-?\d+,-?\d+C/);
    }
  }
});

test('no two nodes overlap, and all are inside the graph', () => {
  for (const { nodes, width, height } of graphs) {
    for (const [index, one] of nodes.entries()) {
      expect(one.x).toBeGreaterThanOrEqual(0);
      expect(one.y).toBeGreaterThanOrEqual(0);
      expect(one.x + one.width).toBeLessThanOrEqual(width);
      expect(one.y + one.height).toBeLessThanOrEqual(height);
      for (const other of nodes.slice(index + 1)) expect(overlap(one, other), `${one.id} ${other.id}`).toBe(false);
    }
  }
});

test('a stream of another pipeline is shown as borrowed, with the name of that pipeline', () => {
  const stream = { kind: 'own', pipeline: 'sensors', name: 'clean' };
  const sensors = planOf(pipelines.find(({ name }) => name === 'sensors')!, pipelines);
  const sink = sensors.steps.find(({ kind }) => kind === 'sink')!;
  const { nodes } = layOut({ ...sensors, name: 'other', streams: [], steps: [{ ...sink, pipeline: 'other' }] });
  expect(nodes.find(({ node }) => node === 'stream')).toMatchObject({ isElsewhere: true, pipeline: stream.pipeline });
});

test('a pipeline without steps has an empty graph', () => {
  const empty = definePipeline({ name: 'empty', streams: { only: { schema: z.object({}) } } });
  const nothing = layOut({ ...planOf(empty, [empty]), streams: [] });
  expect(nothing).toMatchObject({ width: 0, height: 0, nodes: [], edges: [] });
});

function overlap(a: GraphNode, b: GraphNode): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}
