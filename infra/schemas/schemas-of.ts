import type { z } from 'zod';
import type { JsonSchema } from '../../functions/runtime/json/schema-fields.ts';
import type { ConnectorStep } from '../needs.ts';
import { versionOf } from './version.ts';

/**
 * Lists the schemas of the events that a step may get: the older versions, the oldest first, then the schema itself.
 */
export function schemasOf({
  schema,
  versions = [],
}: Pick<ConnectorStep, 'schema' | 'versions'>): readonly (z.ZodType | JsonSchema)[] {
  const older = versions.length === 0 ? [] : versions.filter(({ version }) => version !== versionOf(schema).version);
  return [...older.map((each) => each.schema), schema];
}
