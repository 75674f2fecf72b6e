import type { GraphNode, PipelineGraph, StepNode, StreamNode } from '../answers.ts';
import { rateOf, stepSignal } from './live-steps.ts';
import { pathOf } from './router.ts';
import { adviceOf, counted, rateText, stateText } from './words.ts';

/** Draws a pipeline from left to right. `matches` tells which nodes are not dimmed. */
export function Graph({ graph, matches }: { readonly graph: PipelineGraph; matches(node: GraphNode): boolean }) {
  const { width, height, nodes, edges } = graph;
  const writers = new Set(edges.map(({ from }) => from));
  return (
    <div class="graph">
      {/* biome-ignore lint/a11y/noSvgWithoutTitle: its title would show over every node; its section has a name */}
      <svg width={width + 4} height={height + 4} viewBox={`-2 -2 ${width + 4} ${height + 4}`}>
        {edges.map(({ from, to, path }) => (
          <path key={`${from} ${to}`} class="edge" d={path} />
        ))}
        {nodes.map((node) => (
          <g key={node.id} class={matches(node) ? '' : 'dimmed'} transform={`translate(${node.x},${node.y})`}>
            {node.node === 'step' ? <Step node={node} writes={writers.has(node.id)} /> : <Stream node={node} />}
          </g>
        ))}
      </svg>
    </div>
  );
}

/** Draws a step. `writes`: an edge leads from it to a stream. */
function Step({ node, writes }: { readonly node: StepNode; readonly writes: boolean }) {
  const { pipeline, name, about, width, height } = node;
  const summary = stepSignal(pipeline, name).value;
  const { text, trouble } = summary === undefined ? { text: '…', trouble: 'none' } : stateText(summary);
  const letters = summary?.deadLetters ?? 0;
  const advice = summary === undefined ? undefined : adviceOf(summary);
  return (
    <a href={pathOf('steps', pipeline, name)} class={`step ${trouble} ${letters > 0 ? 'has-letters' : ''}`}>
      <rect width={width} height={height} rx="8">
        {advice !== undefined && <title>{advice}</title>}
      </rect>
      <text class="about" x="12" y="19">
        {about}
      </text>{' '}
      <text class="name" x="12" y="38">
        {name}
      </text>{' '}
      <text class="state" x="12" y="56">
        {text}
      </text>{' '}
      {node.kind !== 'source' && <Rate node={node} of="eventsIn" />}
      {writes && <Rate node={node} of="eventsOut" />}
      {letters > 0 && (
        <text class="letters" x={width - 12} y="19" text-anchor="end">
          {counted(letters, 'dead letter')}
        </text>
      )}
    </a>
  );
}

/** Writes on the edge to a step, or on those from it, how many events a second pass. */
function Rate({ node, of }: { readonly node: StepNode; readonly of: 'eventsIn' | 'eventsOut' }) {
  const { pipeline, name, width, height } = node;
  const text = rateText(rateOf(pipeline, name)?.[of] ?? 0);
  if (text === '') return null;
  const isIn = of === 'eventsIn';
  return (
    <text class="rate" x={isIn ? -6 : width + 6} y={height / 2 - 6} text-anchor={isIn ? 'end' : 'start'}>
      <title>{isIn ? 'events a second that the step takes' : 'events a second that the step makes'}</title>
      {text}
    </text>
  );
}

function Stream({ node }: { readonly node: StreamNode }) {
  const { width, height, isElsewhere, pipeline, name } = node;
  const shown = (
    <>
      <rect width={width} height={height} rx={height / 2} />
      <text x={width / 2} y={height / 2 + 4.5} text-anchor="middle">
        {name}
      </text>
    </>
  );
  const look = `stream ${isElsewhere ? 'elsewhere' : ''}`;
  if (pipeline === undefined) return <g class={look}>{shown}</g>;
  const own = name.split('/').at(-1) ?? name;
  return (
    <a class={look} href={pathOf('streams', pipeline, own)}>
      {shown}
    </a>
  );
}
