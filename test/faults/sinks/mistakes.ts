import type { Mistake } from '../mistakes.ts';

const WEBHOOK = 'functions/sinks/webhook';
const OPENSEARCH = 'functions/sinks/opensearch';

/** Mistakes in sinks that are not in the chain, which the schedules of sinks have to catch. */
export const mistakesInSinks: Readonly<Record<string, Mistake>> = {
  /** Makes the id anew for each attempt: a receiver takes a repeat for another event. */
  'webhook-id-by-attempt': [
    {
      file: `${WEBHOOK}/request.ts`,
      text: 'const id = requestIdOf(event);',
      mistake: 'const id = requestIdOf(event) + Math.random();',
    },
  ],

  /** Sends the events of one key at once: a later one may arrive first. */
  'webhook-in-no-order': [
    {
      file: `${WEBHOOK}/send-events.ts`,
      text: 'return Map.groupBy(events, ({ key }) => key);',
      mistake: 'return new Map(events.map((event) => [event.position, [event]]));',
    },
  ],

  /** Takes a receiver without time for one that refuses. */
  'webhook-throttled-is-refused': [
    {
      file: `${WEBHOOK}/answer.ts`,
      text: 'new Set([408, 425, 429])',
      mistake: 'new Set([408])',
    },
  ],

  /** Writes an item whatever is stored. */
  'items-without-a-condition': [
    {
      file: 'functions/sinks/dynamodb/write-items.ts',
      text: "'attribute_not_exists(#version) OR #version < :version'",
      mistake: "'attribute_not_exists(#version) OR #version < :version OR attribute_not_exists(nothing)'",
    },
  ],

  /** Writes a document whatever is stored. */
  'documents-without-a-version': [
    {
      file: `${OPENSEARCH}/bulk.ts`,
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of a module
      text: ',"version":${version},"version_type":"external"}}`',
      mistake: '}}`',
    },
  ],

  /** Leaves the events out that come before one that OpenSearch refuses, and have its key. */
  'refused-with-all-of-its-key': [
    {
      file: `${OPENSEARCH}/write-documents.ts`,
      text: 'versioned(byId.get(id) ?? []).slice(1)',
      mistake: 'versioned(byId.get(id) ?? []).slice(Infinity)',
    },
  ],

  /** Deletes the inputs of a merge before their output is there. */
  'inputs-deleted-first': [
    {
      file: 'functions/sinks/s3/compaction/compact.ts',
      text: 'if (contents.length === inputs.length) {',
      mistake: 'if (contents.length === inputs.length) {\n      await store.delete(inputs);',
    },
  ],

  /** Numbers a child shard from its first parent on. */
  'numbered-from-one-parent': [
    {
      file: 'functions/runtime/checkpoints/step-state.ts',
      text: 'const known = parents.filter((one) => one !== undefined);',
      mistake: 'const known = parents.filter((one) => one !== undefined).slice(0, 1);',
    },
  ],

  /** Numbers a child shard anew. */
  'numbered-from-no-parent': [
    {
      file: 'functions/runtime/checkpoints/step-state.ts',
      text: '  if (known.length === 0) return undefined;',
      mistake: `  if (known.length === 0) return undefined;
  return { generation: 1, ordinal: 0, code: '', rewinds: known[0]!.rewinds };`,
    },
  ],

  /** Gives an event that is put back the version of where it comes now. */
  'put-back-with-a-new-version': [
    {
      file: 'functions/runtime/batches/batch.ts',
      text: "numbers.set(at, isPutBack ? (event.redrivenFrom ?? '') : counted);",
      mistake: 'numbers.set(at, isPutBack && false ? 0 : counted);',
    },
  ],

  /** Deletes without leaving anything. */
  'deleted-without-a-tombstone': [
    {
      file: 'functions/sinks/dynamodb/item.ts',
      text: '    ...keyAndVersion(of),\n    [DELETED]: { BOOL: true },',
      mistake: '    [of.key.name]: { S: of.key.value },\n    [DELETED]: { BOOL: true },',
    },
  ],

  /** Takes a request without an answer for one that has arrived. */
  'webhook-no-answer-is-done': [
    {
      file: `${WEBHOOK}/send-events.ts`,
      text: "return { kind: 'again' as const, why, afterMillis: undefined };",
      mistake: "return { kind: 'done' as const, why };",
    },
  ],
};
