import dagre from '@dagrejs/dagre';
import { outputsOf, type PipelinePlan, type StepPlan } from '../pipelines/plan.ts';
import type { StreamPlan } from '../pipelines/streams.ts';
import { aboutOf } from './about-step.ts';
import type { GraphEdge, GraphNode, PipelineGraph, StepNode, StreamNode } from './answers.ts';

/** Lays out a pipeline from left to right. Takes a moment for hundreds of steps, so call it once a topology. */
export function layOut(plan: PipelinePlan): PipelineGraph {
  const nodes = new Map<string, Unplaced>();
  const edges: { readonly from: string; readonly to: string }[] = [];
  const width = stepWidth(plan.steps);
  for (const step of plan.steps) {
    const id = `step/${step.name}`;
    nodes.set(id, stepNode(id, step, width));
    if (step.kind !== 'source') edges.push({ from: addStream(nodes, plan, step.input.stream), to: id });
    for (const stream of outputsOf(step)) edges.push({ from: id, to: addStream(nodes, plan, stream) });
  }
  for (const stream of plan.streams) addStream(nodes, plan, stream);
  return place(plan.name, [...nodes.values()], edges);
}

type Unplaced = Omit<StepNode, 'x' | 'y'> | Omit<StreamNode, 'x' | 'y'>;

const STEP_HEIGHT = 66;
const STREAM_HEIGHT = 30;
/** The room for `3 dead letters` beside what a step is. */
const LETTERS = 16;
/** The width of characters in the font of the pages, at 14, 11.5 and 13 pixels. */
const STEP_CHARACTER = 9;
const SMALL_CHARACTER = 6;
const STREAM_CHARACTER = 7.7;
const SIDES = 28;
/** Between two columns: the room for `1,234/s` beside a step. */
const RANK_GAP = 56;

function stepNode(id: string, step: StepPlan, width: number): Omit<StepNode, 'x' | 'y'> {
  const { pipeline, name, kind } = step;
  return { node: 'step', id, pipeline, name, kind, about: aboutOf(step), width, height: STEP_HEIGHT };
}

/** All steps of a pipeline have one width, so that they stand in columns. */
function stepWidth(steps: readonly StepPlan[]): number {
  const widths = steps.map((step) =>
    Math.max(step.name.length * STEP_CHARACTER, (aboutOf(step).length + LETTERS) * SMALL_CHARACTER),
  );
  return Math.ceil(Math.max(0, ...widths) + SIDES);
}

function addStream(nodes: Map<string, Unplaced>, plan: PipelinePlan, stream: StreamPlan): string {
  const name = stream.kind === 'own' ? stream.name : (stream.arn.split('/').at(-1) ?? stream.arn);
  const pipeline = stream.kind === 'own' ? stream.pipeline : undefined;
  const id = stream.kind === 'own' ? `stream/${stream.pipeline}/${name}` : `stream/${stream.arn}`;
  const isElsewhere = pipeline !== plan.name;
  const shown = isElsewhere && pipeline !== undefined ? `${pipeline}/${name}` : name;
  const width = Math.ceil(shown.length * STREAM_CHARACTER + SIDES);
  nodes.set(id, { node: 'stream', id, pipeline, name: shown, isElsewhere, width, height: STREAM_HEIGHT });
  return id;
}

function place(
  name: string,
  unplaced: readonly Unplaced[],
  edges: readonly { readonly from: string; readonly to: string }[],
): PipelineGraph {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: 'LR', nodesep: 16, ranksep: RANK_GAP, edgesep: 10, marginx: 2, marginy: 2 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { id, width, height } of unplaced) graph.setNode(id, { width, height });
  for (const { from, to } of edges) graph.setEdge(from, to);
  dagre.layout(graph);
  const nodes = unplaced.map((node): GraphNode => {
    const { x, y } = graph.node(node.id) as Point;
    return { ...node, x: Math.round(x - node.width / 2), y: Math.round(y - node.height / 2) };
  });
  const placed = edges.map(({ from, to }): GraphEdge => {
    const { points } = graph.edge(from, to) as { readonly points: readonly Point[] };
    return { from, to, path: pathThrough(points) };
  });
  const { width = 0, height = 0 } = graph.graph() as { readonly width?: number; readonly height?: number };
  const isEmpty = unplaced.length === 0;
  return { name, width: isEmpty ? 0 : Math.ceil(width), height: isEmpty ? 0 : Math.ceil(height), nodes, edges: placed };
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Draws a line that leaves and reaches each point horizontally. */
function pathThrough(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (first === undefined) return '';
  let path = `M${at(first)}`;
  let last = first;
  for (const point of rest) {
    const middle = (last.x + point.x) / 2;
    path += `C${at({ x: middle, y: last.y })} ${at({ x: middle, y: point.y })} ${at(point)}`;
    last = point;
  }
  return path;
}

function at({ x, y }: Point): string {
  return `${Math.round(x)},${Math.round(y)}`;
}
