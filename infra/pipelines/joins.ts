import type { z } from 'zod';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { type Join, SideEvent, type TableJoin } from '../../functions/runtime/join.ts';
import type { Table } from '../../functions/runtime/table.ts';
import type { Transform } from '../../functions/runtime/transform.ts';
import type { JoinStep, TableStep, TransformStep } from './steps.ts';

export type AnyJoinStep = JoinStep<Readonly<Record<string, string>>, Join<never> | TableJoin<never>, string>;

/** What a pipeline declares, as far as joins have to know it. */
interface Declared {
  readonly streams: Readonly<Record<string, AnyStream>>;
  readonly transforms: object;
  readonly tables: object;
}

interface AnyStream {
  readonly schema: z.ZodType;
  readonly shards?: number;
  readonly capacity?: 'on-demand';
  readonly retentionDays?: number;
}

/** What joins add to a pipeline. */
interface Planned {
  readonly streams: Readonly<Record<string, AnyStream & { readonly compression: 'zstd' }>>;
  readonly transforms: Readonly<Record<string, TransformStep<string, Transform, string>>>;
  readonly tables: Readonly<Record<string, TableStep<string, Table>>>;
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
  const { from, apply, to, start, fanOut, formerly } = step;
  if (to === undefined && !('makesTable' in apply))
    throw new UserMistake(`join '${name}': it has no stream for what it joins: write to: '<stream>'`);
  const written = writtenBy(apply);
  if (written !== undefined && written !== to)
    throw new UserMistake(
      `join '${name}': its SQL says CREATE STREAM ${written}, but the join writes stream '${to}': make them equal`,
    );
  const internal = `${step.streamOf ?? formerly ?? name}-by-key`;
  const before = (part: string) => (formerly === undefined ? {} : { formerly: `${formerly}${part}` });
  const reading = { ...(start === undefined ? {} : { start }), ...(fanOut === undefined ? {} : { fanOut }) };
  const rekeying = Object.keys(apply.inputs).map((input) => {
    const stream = from[input];
    if (stream === undefined)
      throw new UserMistake(
        `join '${name}': its code reads '${input}', and from does not name it: write from: { ${input}: '<stream>' }`,
      );
    return [
      `${name}-${input}`,
      { from: stream, apply: apply.rekey(input), to: internal, ...reading, ...before(`-${input}`) },
    ] as const;
  });
  return {
    streams: { [internal]: byKey(step, streams) },
    transforms: Object.fromEntries(rekeying),
    tables: {
      [name]: { from: internal, keep: apply.keep, ...(to === undefined ? {} : { changes: to }), ...before('') },
    },
  };
}

/** Returns the stream that the SQL of a join names. */
function writtenBy(apply: object): string | undefined {
  return 'streams' in apply ? (apply.streams as { readonly to?: string }).to : undefined;
}

/** The stream keeps events as long as its inputs, because the join is made again from it and not from them. */
function byKey({ from, shards, retentionDays }: AnyJoinStep, streams: Declared['streams']): Planned['streams'][string] {
  const inputs = Object.values(from).flatMap((name) => streams[name] ?? []);
  const days = retentionDays ?? Math.max(1, ...inputs.map((stream) => stream.retentionDays ?? 1));
  const isOnDemand = shards === undefined && inputs.some(({ capacity }) => capacity === 'on-demand');
  const width = { shards: shards ?? Math.max(1, ...inputs.map((stream) => stream.shards ?? 1)) };
  const capacity = isOnDemand ? { capacity: 'on-demand' as const } : width;
  return { schema: SideEvent, compression: 'zstd', retentionDays: days, ...capacity };
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
