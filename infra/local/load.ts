import { z } from 'zod';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { generatorSource } from '../../functions/sources/generator/generator.ts';
import type { AnySourceStep, Pipeline } from '../pipelines/pipeline.ts';

/** What a generator takes over from the source whose place it takes. */
const Taken = z.object({ type: z.string(), key: z.string(), time: z.string().optional() });

/**
 * Puts a generator in the place of each source but those that follow a table, so that streams get events that fit their
 * schemas: `perSecond` in all. Each source gets the same share. Throws a `UserMistake` that names the source whose
 * events cannot be made.
 */
export function underLoad(pipelines: readonly Pipeline[], perSecond: number): readonly Pipeline[] {
  const count = pipelines.flatMap(({ sources }) => Object.values(sources)).filter((step) => !followsTable(step)).length;
  if (count === 0) throw new UserMistake('--load: these pipelines have no source to put a generator in place of');
  return pipelines.map((pipeline) => ({
    ...pipeline,
    sources: Object.fromEntries(
      Object.entries(pipeline.sources).map(([name, step]) => [
        name,
        followsTable(step) ? step : generating(step, pipeline, { name, perSecond: perSecond / count }),
      ]),
    ),
  }));
}

/** What it makes are changes of rows: a generator would update and delete rows that are not there. */
function followsTable({ read }: AnySourceStep): boolean {
  return read.connector === 'postgres-changes';
}

/** The fields of a schema are not in the type of any pipeline: the function itself checks the names. */
const untyped = generatorSource as unknown as (options: object) => AnySourceStep['read'];

function generating(
  step: AnySourceStep,
  pipeline: Pipeline,
  { name, perSecond }: { readonly name: string; readonly perSecond: number },
): AnySourceStep {
  const schema = typeof step.to === 'string' ? pipeline.streams[step.to]?.schema : undefined;
  const taken = Taken.safeParse(step.read.options);
  if (!taken.success || schema === undefined)
    throw new UserMistake(`--load: source '${pipeline.name}/${name}' says no type and key: leave its pipeline out`);
  const { type, key, time } = taken.data;
  try {
    return { ...step, read: untyped({ schema, type, key, perSecond, ...(time === undefined ? {} : { time }) }) };
  } catch (error) {
    if (!(error instanceof UserMistake)) throw error;
    throw new UserMistake(`--load: source '${pipeline.name}/${name}': ${error.message}`);
  }
}
