import type { ReceivedEvent } from '../../functions/runtime/event.ts';
import type { OpenSink, SinkDefinition, Slice } from '../../functions/runtime/sink.ts';
import type { Transform } from '../../functions/runtime/transform.ts';
import type { SimulatedProcess } from './simulated-process.ts';

/** How a function dies of an event: at once, or by doing nothing else until Lambda ends it. */
export type Death = 'out of memory' | 'endless loop';

/** Says of an event whether a step's function dies of it, and how. */
export type Deadly = (event: ReceivedEvent) => Death | undefined;

/** False: the process that the event is given to does not get any further. */
export type Survive = (event: ReceivedEvent) => boolean;

export function deathIn(process: SimulatedProcess, deadly: () => Deadly | undefined): Survive {
  return (event) => {
    const death = deadly()?.(event);
    if (death === 'out of memory') process.kill(death);
    if (death === 'endless loop') process.freeze();
    return death === undefined;
  };
}

/** It cannot be stopped in the middle of it, but nothing that it makes leaves the process. */
export function transformIn(transform: Pick<Transform, 'run'>, survive: Survive): Pick<Transform, 'run'> {
  return { ...transform, run: (event) => (survive(event) ? transform.run(event) : []) };
}

/** Its process dies while it writes, before it commits. */
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
