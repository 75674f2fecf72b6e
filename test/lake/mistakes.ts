import type { Mistake } from '../faults/mistakes.ts';

const ICEBERG = 'functions/sinks/iceberg';

/** Mistakes in the Iceberg sink, which the schedules of the lake have to catch. */
export const mistakesInLake: Readonly<Record<string, Mistake>> = {
  /** Adds the files of a slice, whatever position the table has. */
  'adds-without-looking': [
    {
      file: `${ICEBERG}/committer.ts`,
      text: 'if (position === undefined || position <= after) return false;',
      mistake: 'if (position !== END) return false;',
    },
    {
      file: `${ICEBERG}/committer.ts`,
      text: '/** Tells whether the table has the rows of a slice.',
      mistake: `const END = 'never';
/** Tells whether the table has the rows of a slice.`,
    },
  ],

  /** Leaves it to the catalogue what a commit is added to. */
  'commits-to-any-snapshot': [
    {
      file: `${ICEBERG}/snapshot.ts`,
      text: "      { type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': parent ?? null },\n",
      mistake: '',
    },
    {
      file: `${ICEBERG}/snapshot.ts`,
      text: 'const sequence = table.lastSequence + 1n;',
      mistake: 'const sequence = table.lastSequence + BigInt(Date.now());',
    },
  ],

  /**
   * Takes a commit without an answer for one that was not carried out, and makes files anew: as a run without a look.
   */
  'no-answer-is-done': [
    {
      file: `${ICEBERG}/catalog/rest-catalog.ts`,
      text: "      if (answer.status === 429 || answer.status >= 500) return 'unknown';",
      mistake: "      if (answer.status === 429 || answer.status >= 500) return 'committed';",
    },
  ],

  /** Takes a refused commit for one that was carried out. */
  'conflict-is-done': [
    {
      file: `${ICEBERG}/catalog/rest-catalog.ts`,
      text: "if (answer.status === 409) return 'conflict';",
      mistake: "if (answer.status === 409) return 'committed';",
    },
  ],

  /** Moves the checkpoint without the position in the table. */
  'position-not-in-the-table': [
    {
      file: `${ICEBERG}/committer.ts`,
      text: 'return properties.after(own, positions);',
      mistake: 'return properties.after(own, new Map());',
    },
  ],

  /** Writes to a table that was rolled back or made anew. */
  'writes-to-any-table': [
    {
      file: `${ICEBERG}/table/standing.ts`,
      text: 'if (why === undefined) return;',
      mistake: 'if (why === undefined || why.length > 0) return;',
    },
  ],

  /** Forgets the files of manifests that become one. */
  'merges-without-the-last-file': [
    {
      file: `${ICEBERG}/merge-manifests.ts`,
      text: 'const { records, schema } = decodeAvro(bytes);',
      mistake: 'const { records: all, schema } = decodeAvro(bytes);\n  const records = all.slice(0, 1);',
    },
  ],

  /** Takes only the newest manifests along. */
  'forgets-manifests': [
    {
      file: `${ICEBERG}/snapshot.ts`,
      text: '[...entries, ...instead, ...others]',
      mistake: '[...entries, ...instead, ...others.slice(0, 2)]',
    },
  ],
};
