import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { GraphNode, PipelineGraph, StepSummary } from '../answers.ts';
import { Graph } from './graph.tsx';
import { knownSteps, rates, topology } from './live-steps.ts';
import { Shown } from './parts.tsx';
import { pathOf } from './router.ts';
import { adviceOf, counted, durationText, stateText } from './words.ts';

/** Shows the graph of every pipeline, and above them which steps need a look. */
export function PipelinesPage() {
  const wanted = useSignal('');
  const drawn = useSignal(FIRST_STEPS);
  const isWhole = drawn.value >= stepsOf(topology.value?.pipelines ?? []);
  useEffect(() => {
    if (isWhole) return;
    const timer = setTimeout(() => (drawn.value += STEPS_AT_ONCE), PAUSE_MILLIS);
    return () => clearTimeout(timer);
  }, [drawn.value, isWhole]);
  const all = topology.value;
  if (all === undefined) return <p class="muted waiting">Asking …</p>;
  if (all.pipelines.length === 0) return <NoPipelines />;
  const text = wanted.value.trim().toLowerCase();
  const matches = (node: GraphNode): boolean => node.name.toLowerCase().includes(text);
  const shown = all.pipelines.filter(
    (graph) => text === '' || graph.name.toLowerCase().includes(text) || graph.nodes.some(matches),
  );
  return (
    <>
      <div class="title">
        <h1>Pipelines</h1>
        <span class="gap" />
        <input
          type="search"
          aria-label="filter by the name of a pipeline, step or stream"
          placeholder="filter by name"
          value={wanted.value}
          onInput={({ currentTarget }) => (wanted.value = currentTarget.value)}
        />
      </div>
      <Troubles />
      <AboutRates />
      {shown.length === 0 && <p class="muted">No pipeline, step or stream has '{wanted.value}' in its name.</p>}
      {shown.map((graph, index) => {
        // The first graphs can be seen before all of hundreds are drawn.
        if (stepsOf(shown.slice(0, index)) >= drawn.value) return undefined;
        const isNamed = graph.name.toLowerCase().includes(text);
        return (
          <section class="pipeline" key={graph.name} aria-label={`pipeline ${graph.name}`}>
            <h2>{graph.name}</h2>
            {graph.nodes.length === 0 ? (
              <p class="muted">This pipeline has no steps yet.</p>
            ) : (
              <Graph graph={graph} matches={(node) => isNamed || matches(node)} />
            )}
          </section>
        );
      })}
    </>
  );
}

/** So many steps are drawn at once: more would keep the page busy for longer than a blink. */
const STEPS_AT_ONCE = 40;
/** A screen shows no more. The pauses leave time to paint, and for whoever types or clicks meanwhile. */
const FIRST_STEPS = 20;
const PAUSE_MILLIS = 250;

function stepsOf(graphs: readonly PipelineGraph[]): number {
  return graphs.reduce((sum, { nodes }) => sum + nodes.filter(({ node }) => node === 'step').length, 0);
}

/** The most steps that are listed: with more of them in trouble, their cause is one. */
const MOST_LISTED = 12;

/** Lists the steps that need a look, the worst first. */
function Troubles() {
  const steps = knownSteps();
  const expected = topology.value?.pipelines.flatMap(({ nodes }) => nodes.filter(({ node }) => node === 'step')).length;
  if (steps.length === 0) return <p class="muted">Looking at the steps …</p>;
  const inTrouble = steps.filter(isInTrouble).sort((a, b) => weightOf(b) - weightOf(a));
  const looked =
    steps.length === expected ? '' : ` Looked at ${steps.length} of ${counted(expected ?? 0, 'step')} so far.`;
  if (inTrouble.length === 0) return <p class="muted">No step needs a look.{looked}</p>;
  return (
    <div class="troubles">
      <p>
        {inTrouble.length === 1 ? '1 step needs a look.' : `${inTrouble.length} steps need a look.`}
        {looked}
      </p>
      <ul>
        {inTrouble.slice(0, MOST_LISTED).map((step) => (
          <li key={`${step.pipeline}/${step.step}`} class={weightOf(step) > 1 ? 'bad' : 'look'}>
            <a data-row href={hrefOf(step)}>
              {step.pipeline}/{step.step}
            </a>{' '}
            <span>
              {stateText(step).trouble === 'none' ? counted(step.deadLetters, 'dead letter') : stateText(step).text}
            </span>{' '}
            <span class="muted">
              <Shown text={adviceOf(step) ?? ''} />
            </span>
          </li>
        ))}
      </ul>
      {inTrouble.length > MOST_LISTED && <p class="muted">and {inTrouble.length - MOST_LISTED} more</p>}
    </div>
  );
}

/** Says what the numbers on the lines are, or why there are none. */
function AboutRates() {
  const found = rates.value;
  if (found?.why !== undefined)
    return (
      <p class="muted">
        No rates on the lines: <Shown text={found.why} />
      </p>
    );
  if (found === undefined || found.overSeconds === 0) return null;
  const over = durationText(1_000 * found.overSeconds);
  return <p class="muted">A number on a line, such as 12/s: events a second, on average of the last {over}.</p>;
}

function isInTrouble(step: StepSummary): boolean {
  return weightOf(step) > 0;
}

function weightOf(step: StepSummary): number {
  const { trouble } = stateText(step);
  if (trouble === 'bad') return 3;
  if (step.deadLetters > 0) return 2;
  return trouble === 'look' ? 1 : 0;
}

function hrefOf(step: StepSummary): string {
  const isForLetters = step.deadLetters > 0 && stateText(step).trouble === 'none';
  return pathOf(isForLetters ? 'dead-letters' : 'steps', step.pipeline, step.step);
}

function NoPipelines() {
  return (
    <>
      <h1>Pipelines</h1>
      <p>No pipeline runs here. Declare one in infra/pipelines/, name it in all.ts, and start it:</p>
      <pre>npm run dev</pre>
    </>
  );
}
