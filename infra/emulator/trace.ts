import type { Clock } from './clock.ts';

/** One thing that an emulator did. It has sequence numbers and never data, so a trace may be shown and stored. */
export type TraceEntry =
  | { readonly did: 'state'; readonly state: string }
  | { readonly did: 'shard'; readonly shardId: string; readonly became: 'reading' | 'drained' | 'rebalanced' }
  | { readonly did: 'poll'; readonly shardId: string; readonly records: number; readonly behindMillis: number }
  | { readonly did: 'poll-failed'; readonly shardId: string; readonly error: string; readonly afterMillis: number }
  | (Range & { readonly did: 'batch'; readonly because: BatchEnd })
  | (Range & {
      readonly did: 'invocation';
      readonly attempt: number;
      readonly requestId: string;
      readonly outcome: 'succeeded' | 'reported-failures' | 'failed' | 'throttled' | 'service-error';
      /** The reason of the failure, in one line. */
      readonly why?: string;
    })
  | (Range & { readonly did: 'retry'; readonly attempt: number; readonly afterMillis: number })
  | (Range & { readonly did: 'split'; readonly secondFrom: string; readonly because: 'bisected' | 'reported' })
  | (Range & { readonly did: 'discard'; readonly condition: string; readonly destination: string | null })
  | { readonly did: 'discard-failed'; readonly shardId: string; readonly error: string; readonly afterMillis: number }
  | { readonly did: 'checkpoint'; readonly shardId: string; readonly sequenceNumber: string }
  | { readonly did: 'schedule-run'; readonly schedule: string; readonly run: number; readonly delivery: number }
  | { readonly did: 'schedule-run-failed'; readonly schedule: string; readonly run: number; readonly why: string }
  | {
      readonly did: 'queue-poll-failed';
      readonly queueArn: string;
      readonly error: string;
      readonly afterMillis: number;
    }
  | {
      readonly did: 'queue-batch';
      readonly queueArn: string;
      readonly messages: number;
      readonly deleted: number;
      readonly why?: string;
    };

/** The reason why a batch was not made larger. */
export type BatchEnd = 'batch-size' | 'payload-size' | 'window' | 'no-more-records' | 'shard-end';

interface Range {
  readonly shardId: string;
  readonly from: string;
  readonly to: string;
  readonly records: number;
}

export type Trace = (entry: TraceEntry) => void;

/**
 * Makes a trace that writes each entry as one line of JSON, with its time. On a virtual clock, the same seed and calls
 * give the same bytes.
 */
export function traceLines({ clock, write }: { clock: Clock; write: (line: string) => void }): Trace {
  return (entry) => write(JSON.stringify({ at: clock.now(), ...entry }));
}
