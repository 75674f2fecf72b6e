import { outputsOf, type PipelinePlan, type StepPlan } from './plan.ts';
import { type StreamPlan, sameStream } from './streams.ts';

export type Item =
  | { readonly what: 'step'; readonly step: StepPlan }
  | { readonly what: 'stream'; readonly stream: StreamPlan };

/** Sorts a pipeline's steps and streams as events travel: the steps that write to a stream, the stream, its readers. */
export function topDown({ steps }: PipelinePlan): readonly Item[] {
  const items: Item[] = [];
  const waiting = new Set(steps);
  const isDone = (stream: StreamPlan): boolean =>
    items.some((item) => item.what === 'stream' && sameStream(item.stream, stream));
  const addStream = (stream: StreamPlan): void => {
    if (!isDone(stream)) items.push({ what: 'stream', stream });
  };
  while (waiting.size > 0) {
    // In a circle of steps none is first: take the one that the pipeline declares first.
    const next = [...waiting].find((step) => isReady(step, waiting)) ?? [...waiting][0];
    if (next === undefined) break;
    waiting.delete(next);
    if (next.kind !== 'source') addStream(next.input.stream);
    items.push({ what: 'step', step: next });
    for (const output of outputsOf(next)) if (!writersIn(waiting, output)) addStream(output);
  }
  return items;
}

/** True for a source, and for a step whose input no waiting step writes to. */
function isReady(step: StepPlan, waiting: ReadonlySet<StepPlan>): boolean {
  return step.kind === 'source' || !writersIn(waiting, step.input.stream);
}

function writersIn(waiting: ReadonlySet<StepPlan>, stream: StreamPlan): boolean {
  return [...waiting].some((step) => outputsOf(step).some((output) => sameStream(output, stream)));
}
