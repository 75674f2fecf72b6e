import { z } from 'zod';

/** Makes an object schema whose error for an unknown key lists the known ones. */
export function strict<S extends z.ZodRawShape>(shape: S) {
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? unknownKeys(issue.keys as string[], shape) : undefined),
  });
}

function unknownKeys(keys: readonly string[], shape: z.ZodRawShape): string {
  return `${keys.map((key) => `'${key}'`).join(', ')}: unknown key; use one of ${Object.keys(shape).join(', ')}`;
}
