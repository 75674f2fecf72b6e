import { pagesWithRows } from '../checkpoints/mark-pages.ts';
import type { PagedStates } from '../checkpoints/shard-states.ts';
import { openNotes } from '../checkpoints/sink-notes.ts';
import { type Outbox, openOutbox } from '../outbox/outbox.ts';
import type { OpenSink, SinkDefinition } from '../sink.ts';
import type { Step } from '../step.ts';
import { parseOrExplain } from '../step-config.ts';
import { openTablePortion, type TablePortion } from './table-portion.ts';

/** A sink in one process. */
export interface SinkStep {
  readonly step: Step;
  /** The store of its states: the sink's own database when it keeps its progress, otherwise the checkpoint table. */
  readonly states: PagedStates;
  /** True when the sink commits the state together with its rows. */
  readonly keepsProgress: boolean;
  /** True when it commits the pages of the state's marks as well. */
  readonly keepsPages: boolean;
  /** True when the events of its slices have versions. */
  readonly writesByVersion: boolean;
  /** True when its slices are portions, on a schedule and in a replay too. */
  readonly takesPortions: boolean;
  /** Tells whether its slices have the records of the log, with these options. */
  takesRecords(options: unknown): boolean;
  /** Set when the sink publishes events with its rows. */
  readonly outbox: Outbox | undefined;
  /** Set for a sink that makes its data of the events, and may make them again. */
  readonly portion: TablePortion | undefined;
  /** What is left to do before a batch can be written. Undefined: the sink never makes its data again. */
  readonly rebuild: OpenSink['rebuild'] | undefined;
  /** Set when the sink looks after its destination between slices. */
  readonly tidy: OpenSink['tidy'] | undefined;
  /** Set beside `rebuild`: an operator asks for it. */
  readonly again: OpenSink['again'] | undefined;
  /** Opens the sink with options: those of the deployment, or those that an interrupted slice was begun with. */
  open(options: unknown): OpenSink;
}

export function openSinkStep<O, R>(definition: SinkDefinition<O, R>, step: Step): SinkStep {
  const { config, name } = step;
  const resources = parseOrExplain(definition.resources, config.resources, `the resources of step '${name}'`);
  const parsed = (options: unknown): O => parseOrExplain(definition.options, options, `the options of step '${name}'`);
  const openWith = (options: unknown): OpenSink =>
    definition.open({
      step: name,
      formerly: step.formerName,
      options: parsed(options),
      resources,
      notes: openNotes(step.checkpoints),
    });
  const current = openWith(config.options);
  const { loadProgress, loadPages, rebuild, again, tidy } = current;
  const inTable = step.states.loadPages;
  const { publishes } = definition;
  const outbox = publishes === undefined || step.writer === undefined ? undefined : openOutbox(step, publishes);
  const load: NonNullable<OpenSink['loadProgress']> = async (shard, signal) =>
    loadProgress?.call(current, shard, signal);
  return {
    step,
    outbox,
    portion: rebuild === undefined ? undefined : openTablePortion(),
    rebuild: rebuild?.bind(current),
    again: again?.bind(current),
    tidy: tidy?.bind(current),
    keepsProgress: loadProgress !== undefined,
    keepsPages: loadProgress !== undefined && loadPages !== undefined,
    writesByVersion: current.generations !== undefined,
    takesPortions: loadProgress !== undefined || definition.mostEvents !== undefined,
    takesRecords: (options) => definition.takesRecords?.(parsed(options)) ?? false,
    states:
      loadProgress === undefined
        ? step.states
        : {
            load: (shard, signal) =>
              outbox === undefined
                ? load(shard, signal)
                : outbox.highest.compared(shard, () => load(shard, signal), signal),
            loadPages:
              loadPages === undefined
                ? inTable
                : pagesWithRows((shard, signal) => loadPages.call(current, shard, signal), inTable),
          },
    open: (options) => (options === config.options ? current : openWith(options)),
  };
}
