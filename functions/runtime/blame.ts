import { z } from 'zod';
import { EventRejected } from './errors.ts';

/** Parses data by a schema. The schema may have code of its own, a refinement or a transform, which may throw. */
export function check<T>(schema: z.ZodType<T>, data: unknown, what: string): T {
  const parsed = blamed(`the schema of ${what}`, () => schema.safeParse(data));
  if (parsed.success) return parsed.data;
  throw new EventRejected('schema', `${what} does not fit its schema: ${issuesOf(parsed.error)}`);
}

/** Runs pure code. Whatever it throws is the fault of the event, because a retry cannot help. */
export function blamed<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof EventRejected) throw error;
    if (error instanceof z.core.$ZodError)
      throw new EventRejected('schema', `the data does not fit: ${issuesOf(error)}`);
    throw new EventRejected(
      'transform',
      `${what} threw ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`,
    );
  }
}

function issuesOf({ issues }: z.core.$ZodError): string {
  return issues.map(({ path, message }) => `${path.join('.') || 'data'}: ${message}`).join('; ');
}
