import { z } from 'zod';
import type { Transform } from './transform.ts';
import { transformHandler } from './transform-handler.ts';

/** Copies the events of a stream into another one, as they came. Readers check their data. */
export const copyStream: Transform = {
  entry: import.meta.url,
  from: z.unknown(),
  to: z.unknown(),
  run: ({ type, key, time, dataBytes }) => [{ type, key, time, dataBytes }],
};

/** The Lambda handler of the step that copies. */
export const handler = transformHandler(copyStream);
