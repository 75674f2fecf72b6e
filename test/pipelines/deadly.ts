import { z } from 'zod';
import { defineTransform } from '../../functions/runtime/transform.ts';
import { transformHandler } from '../../functions/runtime/transform-handler.ts';

export const Deadly = z.object({ n: z.int32(), does: z.enum(['pass', 'loop', 'fill the memory', 'exit']) });

/** Passes events on, unless an event makes it loop, exit or exhaust its memory. */
export const passing = defineTransform({
  entry: import.meta.url,
  from: Deadly,
  to: Deadly,
  apply: (event) => {
    deeds[event.data.does]();
    return [event];
  },
});

export const handler = transformHandler(passing);

const deeds: Readonly<Record<z.infer<typeof Deadly>['does'], () => void>> = {
  pass: () => undefined,
  // As an endless loop it never gives the thread back, and it takes no CPU time.
  loop: () => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  },
  'fill the memory': () => {
    const kept: Buffer[] = [];
    for (;;) kept.push(Buffer.alloc(1024 * 1024, kept.length));
  },
  exit: () => process.exit(1),
};
