import { UserMistake } from '../../functions/runtime/errors.ts';
import { SideEvent } from '../../functions/runtime/join.ts';
import { planForeignJoin } from './foreign-joins.ts';
import {
  type AnyJoinStep,
  formerlyOf,
  type InternalStream,
  type Planned,
  rekeyingOf,
  type Width,
} from './join-parts.ts';

/** What a pipeline declares, as far as joins have to know it. */
interface Declared {
  readonly streams: Readonly<Record<string, Omit<InternalStream, 'compression'>>>;
  readonly transforms: object;
  readonly tables: object;
}

/**
 * Plans the steps of each join. Both of its inputs are re-keyed into one internal stream, by what they are joined by:
 * one shard has all events of a key, in one order, and one process reads them. So no two transactions meet in a row,
 * and no match is lost between them. A join `enriched` of `orders` and `customers` has the stream `enriched-by-key`,
 * the transforms `enriched-orders` and `enriched-customers`, and the table step `enriched`, which publishes what it
 * joins. A renamed join keeps its stream, where events may wait that its steps have not read.
 */
export function planJoins(joins: Readonly<Record<string, AnyJoinStep>>, declared: Declared): Planned {
  let planned: Planned = { streams: {}, transforms: {}, tables: {} };
  for (const [name, step] of Object.entries(joins)) {
    const parts = planJoin(name, step, declared.streams);
    refuseTaken(name, parts, { declared, planned });
    planned = {
      streams: { ...planned.streams, ...parts.streams },
      transforms: { ...planned.transforms, ...parts.transforms },
      tables: { ...planned.tables, ...parts.tables },
    };
  }
  return planned;
}

function planJoin(name: string, step: AnyJoinStep, streams: Declared['streams']): Planned {
  const { apply, to, formerly } = step;
  if (to === undefined && !('makesTable' in apply))
    throw new UserMistake(`join '${name}': it has no stream for what it joins: write to: '<stream>'`);
  const written = writtenBy(apply);
  if (written !== undefined && written !== to)
    throw new UserMistake(
      `join '${name}': its SQL says CREATE STREAM ${written}, but the join writes stream '${to}': make them equal`,
    );
  const internal = `${step.streamOf ?? formerly ?? name}-by-key`;
  const unmade = { join: name, step, internal, width: widthOf(step, streams) };
  if ('tables' in apply && apply.tables !== undefined) return planForeignJoin(unmade, apply.tables);
  const rekeying = Object.keys(apply.inputs).map((input) => rekeyingOf(unmade, input));
  return {
    streams: { [internal]: { schema: SideEvent, ...unmade.width } },
    transforms: Object.fromEntries(rekeying),
    tables: {
      [name]: { from: internal, keep: apply.keep, ...(to === undefined ? {} : { changes: to }), ...formerlyOf(step) },
    },
  };
}

/** Returns the stream that the SQL of a join names. */
function writtenBy(apply: object): string | undefined {
  return 'streams' in apply ? (apply.streams as { readonly to?: string }).to : undefined;
}

/** The stream keeps events as long as its inputs, because the join is made again from it and not from them. */
function widthOf({ from, shards, retentionDays }: AnyJoinStep, streams: Declared['streams']): Width {
  const inputs = Object.values(from).flatMap((name) => streams[name] ?? []);
  const days = retentionDays ?? Math.max(1, ...inputs.map((stream) => stream.retentionDays ?? 1));
  const isOnDemand = shards === undefined && inputs.some(({ capacity }) => capacity === 'on-demand');
  const width = { shards: shards ?? Math.max(1, ...inputs.map((stream) => stream.shards ?? 1)) };
  const capacity = isOnDemand ? { capacity: 'on-demand' as const } : width;
  return { compression: 'zstd', retentionDays: days, ...capacity };
}

/** The names of what a join needs must be free. */
function refuseTaken(
  join: string,
  parts: Planned,
  { declared, planned }: { readonly declared: Declared; readonly planned: Planned },
): void {
  const namesIn = ({ transforms, tables }: Declared): readonly string[] => [
    ...Object.keys(transforms),
    ...Object.keys(tables),
  ];
  const taken = [declared, planned].flatMap(({ streams }) => Object.keys(streams));
  const stream = Object.keys(parts.streams).find((name) => taken.includes(name));
  if (stream !== undefined)
    throw new UserMistake(`join '${join}': its stream has the name '${stream}', which exists already: rename one`);
  const steps = [declared, planned].flatMap(namesIn);
  const step = namesIn(parts).find((name) => steps.includes(name));
  if (step !== undefined)
    throw new UserMistake(`join '${join}': its step has the name '${step}', which exists already: rename one`);
}
