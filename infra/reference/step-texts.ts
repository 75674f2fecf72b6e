import type { AnySinkStep, AnySourceStep, AnyTableStep, AnyTransformStep } from '../pipelines/pipeline.ts';

/** What docs/connectors.md says about a kind of step. */
export interface StepText {
  readonly title: string;
  readonly guarantees: string;
}

export const stepTexts: readonly StepText[] = [
  {
    title: 'Transform',
    guarantees:
      'Lambda delivers the batches of a shard in order. The step appends all outputs of a batch before it moves its position. After a crash it appends the same outputs again, with the same `source` and `sequence`, and every Millrace reader drops what it has already taken: each output counts *once*. A program of yours that reads the stream with other tools sees such repeats and has to drop them by `source` and `sequence`. Outputs with one key stay in the order of their inputs, as long as those had one key too. An event that does not fit `from`, makes `apply` throw or gives an output that does not fit `to` becomes a dead letter, and none of its outputs is sent. Exceptions: a transform with `deterministic: false` delivers at least once; and code that is deployed while a batch is in flight may duplicate that batch, unless you pause the step, deploy and resume.',
  },
  {
    title: 'Table',
    guarantees:
      'Lambda delivers the batches of a shard in order. Rows, position and marks are committed in one transaction, so each event counts *once*, in the order of its key. An event that does not fit `from`, makes `reduce` throw, gives a row that does not fit `row` or that Postgres rejects, or has another key than the events that wrote its row, becomes a dead letter, and the row stays as it was. [Tables](tables.md) says the rest.',
  },
  {
    title: 'Continuous sink',
    guarantees:
      'Lambda delivers the batches of a shard in order. The sink makes a batch durable before its position moves. While the destination is down, Lambda retries the batch for the time that the stream keeps events, less four hours; then the events become dead letters, from where `millrace dead-letters redrive` brings them back. A step that works gives no event up because of its age, however far it is behind. How often an event counts depends on the sink: its own paragraph above says it.',
  },
  {
    title: 'Scheduled sink (`every`)',
    guarantees:
      'EventBridge Scheduler starts a run every so many minutes. A run reads each shard from its position to the end, at most about 128 MiB at a time, and moves the position when that slice is durable. A run that is cut off leaves its slice to the next run, which writes the slice again; a lease keeps two runs away from the same shard. A scheduled sink gives no event up because of its age. When it fell behind so far that the stream no longer holds its position, the step fails and reports the range that is lost; it never skips silently.',
  },
  {
    title: 'Source of announced items (queue)',
    guarantees:
      'An SQS queue announces items, such as files. The source reads an item to its end, over as many invocations as it takes, and records its position after each page. Events that a crash makes it append again carry the same `source` and `sequence`: readers drop them, so each counts *once*. An item that was already read is not read again. An announcement that fails ten times goes to the queue of failed items, which keeps it for 14 days and raises an alarm.',
  },
  {
    title: 'Pulled source',
    guarantees:
      'EventBridge Scheduler starts a run each minute, or `every` so many minutes. One run at a time reads, under a lease, until nothing is left or its time is nearly over; the next one takes over. It appends a page, stores its dead letters, and then moves its position. A crash repeats the page with the same `source` and `sequence`, and readers drop what they have: each event counts *once*. When nobody can read on from its position, the step fails and says why; it never skips silently. Something that kills the process is read again in smaller pages; after three deaths with one event the source stands still, an alarm rings, and it tries again each hour and after a deployment. A source with several outputs moves its position when all of its streams have acknowledged. A pulled source has no position in a stream, so `millrace positions` does not move it.',
  },
  {
    title: 'Source of requests',
    guarantees:
      'The reply comes after the stream has acknowledged the events, so what was accepted is never lost. A retry inside the step cannot duplicate an event. A client that sends the same request twice can, unless the stream is `idempotent`. While the step is paused, the source accepts nothing and asks clients to come back later.',
  },
];

type StepOption = Exclude<
  keyof AnySourceStep | keyof AnyTransformStep | keyof AnyTableStep | keyof AnySinkStep,
  'read' | 'apply' | 'keep' | 'indexes' | 'write'
>;

/** What a step says beside its connector or transform; one that is missing here does not compile. */
export const stepOptions: Readonly<Record<StepOption, { readonly of: string; readonly meaning: string }>> = {
  from: { of: 'transforms, tables, sinks', meaning: 'The stream to read.' },
  to: {
    of: 'sources, transforms',
    meaning:
      "The stream to write. Of a source with several outputs, the stream of each: `{ orders: 'orders', customers: 'buyers' }`.",
  },
  changes: {
    of: 'tables',
    meaning:
      "The stream that gets the changes of the table's rows: `'basket_changes'`, or `{ to: 'basket_changes', before: true }` to have the row as it was in each change, too. Without it, nothing is published.",
  },
  every: {
    of: 'sinks, pulled sources',
    meaning:
      'Makes a sink scheduled: how often it runs, in whole minutes: `minutes(5)`. Without it, continuous. Of a pulled source: how often it is read; each minute without it.',
  },
  start: {
    of: 'transforms, tables, sinks',
    meaning:
      "Where a step without a position begins: `'earliest'` (the default), `'latest'` or a `Date`. Later deployments do not move a position; `millrace positions` does, except that of a table.",
  },
  fanOut: {
    of: 'transforms, tables, continuous sinks',
    meaning:
      '`true`: the step gets its own 2 MB/s from each shard (enhanced fan-out, for a fee). Without it, the step shares 2 MB/s and 5 reads a second with the other readers of the stream.',
  },
  formerly: { of: 'all', meaning: 'The name that the step had before: the renamed step keeps its position.' },
};
