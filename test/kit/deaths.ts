import type { ReceivedEvent } from '../../functions/runtime/event.ts';
import type { OpenSink, SinkDefinition, Slice } from '../../functions/runtime/sink.ts';
import type { Transform } from '../../functions/runtime/transform.ts';
import type { SimulatedProcess } from './simulated-process.ts';

/** How an event kills a function: at once, or by a loop until Lambda ends the process. */
export type Death = 'out of memory' | 'endless loop';

/** Tells whether and how an event kills a step's function. */
export type Deadly = (event: ReceivedEvent) => Death | undefined;

/** Returns false when the process does not get past this event. */
export type Survive = (event: ReceivedEvent) => boolean;

export function deathIn(process: SimulatedProcess, deadly: () => Deadly | undefined): Survive {
  return (event) => {
    const death = deadly()?.(event);
    if (death === 'out of memory') process.kill(death);
    if (death === 'endless loop') process.freeze();
    return death === undefined;
  };
}

/** Wraps a transform. A synchronous call cannot be stopped midway, but nothing that a dead process makes leaves it. */
export function transformIn(transform: Pick<Transform, 'run'>, survive: Survive): Pick<Transform, 'run'> {
  return { ...transform, run: (event) => (survive(event) ? transform.run(event) : []) };
}

/** Wraps a sink so that its process dies while it writes, before it commits. */
export function sinkIn(definition: SinkDefinition<never, never>, survive: Survive): SinkDefinition<never, never> {
  const open: typeof definition.open = (opening) => {
    const sink: OpenSink = definition.open(opening);
    return { ...sink, write: (slice) => sink.write({ ...slice, pages: survived(slice.pages, survive) }) };
  };
  return { ...definition, open };
}

async function* survived(pages: Slice['pages'], survive: Survive): Slice['pages'] {
  for await (const page of pages) {
    if (!page.every(survive)) await new Promise(() => undefined);
    yield page;
  }
}
