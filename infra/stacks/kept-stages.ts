import type { Kept, KeptResource } from './kept.ts';

/** The properties that stages may have otherwise: each is deployed at a time of its own, and in zones of its own. */
const OF_STAGES = ['ShardCount', 'AvailabilityZone'];

/** The values of a property by stage. `null`: the stage does not have the property. */
interface ByStage {
  /** `*` is the value of every stage that is not named. */
  readonly stages: Readonly<Record<string, unknown>>;
}

/**
 * Takes the values of one stage out of a record. A plain value, as every older file has, is the value of all stages.
 */
export function keptAt(recorded: Kept, stage: string): Kept {
  return mapped(recorded, ({ type, properties }) => {
    const values = Object.entries(properties).map(([name, value]) => [name, valueAt(value, stage)] as const);
    return { type, properties: withoutNull(Object.fromEntries(values)) };
  });
}

/** Replaces a record by the next one of one stage, and keeps what was recorded of the others. */
export function keptWith(recorded: Kept, { next, stage }: { readonly next: Kept; readonly stage: string }): Kept {
  return mapped(next, (after, id) => {
    const before = recorded[id];
    if (before === undefined || before.type !== after.type) return after;
    const properties = { ...after.properties };
    for (const name of OF_STAGES) {
      if (!(name in before.properties || name in after.properties)) continue;
      properties[name] = withStage(before.properties[name] ?? null, stage, after.properties[name] ?? null);
    }
    return { type: after.type, properties: withoutNull(properties) };
  });
}

function valueAt(value: unknown, stage: string): unknown {
  if (!isByStage(value)) return value;
  return Object.hasOwn(value.stages, stage) ? value.stages[stage] : value.stages['*'];
}

/** A value that all stages have is written plainly. */
function withStage(before: unknown, stage: string, after: unknown): unknown {
  const stages = { ...(isByStage(before) ? before.stages : { '*': before }), [stage]: after };
  const entries = Object.entries(stages).filter(([name, value]) => name === '*' || !same(value, stages['*']));
  if (entries.every(([name]) => name === '*')) return stages['*'];
  return { stages: Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))) };
}

function isByStage(value: unknown): value is ByStage {
  return typeof value === 'object' && value !== null && 'stages' in value;
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function withoutNull(properties: KeptResource['properties']): KeptResource['properties'] {
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== null));
}

function mapped(kept: Kept, change: (resource: KeptResource, id: string) => KeptResource): Kept {
  return Object.fromEntries(Object.entries(kept).map(([id, resource]) => [id, change(resource, id)]));
}
