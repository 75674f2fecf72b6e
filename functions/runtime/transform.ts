import type { z } from 'zod';
import type { ReceivedEvent } from './event.ts';

/** What `apply` makes of an event. `key` and `time` default to the input's. */
export interface Derived<O> {
  readonly type: string;
  readonly key?: string;
  readonly time?: string;
  readonly data: O;
}

/** An output as the engine takes it: checked, and already JSON. */
export interface Output {
  readonly type: string;
  readonly key: string;
  readonly time: string;
  readonly dataBytes: Uint8Array;
}

/**
 * A transform as a pipeline names it and the engine runs it. `W` and `O` are wire types: what travels as JSON.
 */
export interface Transform<W = never, O = unknown> {
  /** The module that exports `handler`: `import.meta.url` there. */
  readonly entry: string;
  readonly from: z.ZodType<unknown, W>;
  readonly to: z.ZodType<unknown, O>;
  /** Pure. Throws `EventRefused` for an event that does not fit or cannot be transformed. */
  run(event: ReceivedEvent): readonly Output[];
}
