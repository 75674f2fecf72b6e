/** Changes of the product's text, which together break a promise. */
export type Mistake = readonly Edit[];

export interface Edit {
  readonly file: string;
  /** There once. */
  readonly text: string;
  readonly mistake: string;
}

const RUNTIME = 'functions/runtime';

/**
 * Mistakes that somebody might make, and that the matrix has to notice: a matrix that cannot fail proves nothing. Each
 * is planted in the code that it is about, by its text.
 */
export const mistakes: Readonly<Record<string, Mistake>> = {
  /** A crash between the two loses what was not appended yet. */
  'checkpoint-first': [
    {
      file: `${RUNTIME}/batches/transform-batch.ts`,
      text: 'const appended = await writer.append(outputs, signal);',
      mistake: '',
    },
    {
      file: `${RUNTIME}/batches/transform-batch.ts`,
      text: 'return { loaded, eventsOut: outputs.length,',
      mistake: `const appended = await writer.append(outputs, signal);
  return { loaded, eventsOut: outputs.length,`,
    },
  ],

  /** A batch that comes again is cut differently. */
  'idempotency-by-batch': [
    {
      file: `${RUNTIME}/batches/transform-batch.ts`,
      text: `\`/\${step.name}/\${shard.key}/\${generationOf(step, shard)}\``,
      mistake: `\`/\${step.name}/\${batch.events[0]?.position}/\${batch.events.at(-1)?.position}\``,
    },
  ],

  /** What failed is sent again behind what comes after it, and readers have seen something higher by then. */
  hole: [
    {
      file: `${RUNTIME}/log/log-writer.ts`,
      text: `failed.push(queue);
      continue;`,
      mistake: `const again = { ...queue, indexes: queue.indexes.slice(queue.next, record.end), next: 0 };
      again.record = { ...record, end: again.indexes.length };
      append.queues.push(again);
      failed.push(again);
      queue.next = record.end;
      queue.record = undefined;
      continue;`,
    },
  ],

  /** A twin that wakes up moves the checkpoint back. */
  'no-fencing': [
    {
      file: `${RUNTIME}/checkpoints/checkpoints.ts`,
      text: `'attribute_not_exists(revision)' : 'revision = :previous'`,
      mistake: `'attribute_not_exists(nothing)' : 'revision = :previous OR attribute_not_exists(nothing)'`,
    },
  ],

  /** The same of a sink that keeps its own progress: here in the model of its database. */
  'no-fencing-in-the-database': [
    {
      file: 'test/kit/tables.ts',
      text: '(committed.get(place)?.revision ?? 0) !== previous',
      mistake: 'false',
    },
  ],

  /** What the child has is of later than what its parents have. */
  'children-before-parents': [
    {
      file: `${RUNTIME}/delivery/scheduled.ts`,
      text: 'if (!parents.every(Boolean)) return false;',
      mistake: 'void parents;',
    },
  ],

  /** The same of what Lambda does for us. */
  'mapping-reads-children-first': [
    {
      file: 'infra/emulator/mapping/lineage.ts',
      text: 'shard.parents.every((parent) => shards.get(parent)?.isDrained ?? true)',
      mistake: 'true',
    },
  ],

  /** It passes over what the other parent has not got yet. */
  'higher-of-two-marks': [
    {
      file: `${RUNTIME}/checkpoints/shard-states.ts`,
      text: 'const marks = withoutGaps(inherited.marks, shard);',
      mistake: `const highest: MarkRange['marks'] = new Map();
      for (const { marks } of inherited.marks)
        for (const [source, mark] of marks)
          if ((highest.get(source)?.sequence ?? '') < mark.sequence) highest.set(source, mark);
      const marks = [{ from: shard.from, to: shard.to, marks: highest }];`,
    },
  ],

  /** A step whose function fails for an hour repeats its last batch after that. */
  'marks-pruned-by-time': [
    {
      file: `${RUNTIME}/checkpoints/marks.ts`,
      text: 'if (passing) marks.set',
      mistake: 'if (source !== undefined) marks.set',
    },
  ],

  /** Another team's producer counts too, but its requests overtake each other. */
  'foreign-sequences-trusted': [
    {
      file: `${RUNTIME}/batches/batch.ts`,
      text: 'isOwn: own.some((prefix) => source.startsWith(prefix))',
      mistake: 'isOwn: own.length > 0',
    },
  ],

  /** It sends something else under names that are taken. */
  'changed-code-same-generation': [
    {
      file: 'infra/bundle.ts',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of a module
      text: '.update(`${bundled.sha256}\\n${canonicalJson(options)}`)',
      mistake: `.update('')`,
    },
  ],

  /** An old row that comes again is taken for news, and replaces a newer one. */
  'rewound-without-marks': [
    {
      file: `${RUNTIME}/rewind/catch-up.ts`,
      text: 'batchWork.move(at, { ...batch.state(), rejections: [] }, signal)',
      mistake: 'batchWork.move(at, { ...batch.state(), marks: at.loaded.state.marks, rejections: [] }, signal)',
    },
  ],

  /** What was sent before is dropped when it comes again, though it was asked for. */
  'rewound-same-generation': [
    {
      file: `${RUNTIME}/rewind/state-changes.ts`,
      text: '...(goesBack && rewinds !== undefined ? { generation: rewinds } : {}),',
      mistake: '',
    },
  ],

  /** A slice that is read again ends elsewhere, so its files have other names. */
  'forgotten-intent': [
    {
      file: `${RUNTIME}/batches/write-batch.ts`,
      text: 'if (sink.keepsProgress ||',
      mistake: 'if (sink !== undefined ||',
    },
  ],

  /** The writer appends them again, to the shard that they belong to. */
  'no-range-check': [
    {
      file: `${RUNTIME}/batches/batch.ts`,
      text: 'else if (aggregated && !within(hash(), facts)) return;',
      mistake: '',
    },
  ],

  /** Readers drop what of it belongs elsewhere. */
  'stray-is-fine': [
    {
      file: `${RUNTIME}/log/log-writer.ts`,
      text: 'if (outcome.shardId === queue.shard.id) advance(queue, record);',
      mistake: 'if (outcome.shardId !== undefined) advance(queue, record);',
    },
  ],

  /** Another process has taken what this one has not seen. */
  'marks-from-memory': [
    { file: `${RUNTIME}/transform-handler.ts`, text: 'keepsStates: false', mistake: 'keepsStates: true' },
  ],

  /** An announcement that comes twice. */
  'files-read-twice': [
    {
      file: `${RUNTIME}/items/read-items.ts`,
      text: 'if (await isDone(checkpoints, item.identity, turn.signal)) return undefined;',
      mistake: '',
    },
  ],

  /** The process dies between the commit and the bucket. */
  'rejections-not-kept': [
    {
      file: `${RUNTIME}/batches/write-batch.ts`,
      text: 'await step.deadLetters.put(shard.key, shard.loaded.state.rejections, signal);',
      mistake: '',
    },
  ],

  /** The next process knows nothing of those before, and dies as they did: what is behind the killer never comes. */
  'deaths-not-written-down': [
    {
      file: `${RUNTIME}/checkpoints/attempts.ts`,
      text: 'await saveNote(checkpoints, attemptNote(shard), { previous: revision - 1, value: attempt, signal });',
      mistake: '',
    },
  ],

  /** What one step refused, the others that read the stream have taken already. */
  'redriven-for-everybody': [
    {
      file: `${RUNTIME}/dead-letters/redriven.ts`,
      text: 'return names !== undefined && redrivenFor !== undefined && !names.includes(redrivenFor);',
      mistake: 'return names === undefined && redrivenFor !== undefined;',
    },
  ],

  /** Whoever goes on after a crash appends under other sequences what is in the log already. */
  'redriven-under-a-new-ordinal': [
    {
      file: 'infra/operation/dead-letters/redrive.ts',
      text: 'const finished = await finish(work, lane);\n    add({ appended: finished.appended, fromBefore',
      mistake: `lane = { ...lane, state: { ...lane.state, ordinal: lane.state.ordinal + 1 } };
    const finished = await finish(work, lane);
    add({ appended: finished.appended, fromBefore`,
    },
  ],

  /** Two processes count alike. */
  'one-name-for-all-processes': [
    {
      file: `${RUNTIME}/request-handler.ts`,
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of a module
      text: 'numbering(`/${name}/process/${processId}`)',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of a module
      mistake: 'numbering(`/${name}/process/all`)',
    },
  ],
};

/**
 * Where to begin, so that a test need not go through all the schedules that do not meet it: the first that notices. It
 * may be any other: the next ones are played then.
 */
export const caughtFrom: Readonly<Record<string, number>> = {
  'checkpoint-first': 3,
  'idempotency-by-batch': 3,
  hole: 1,
  'no-fencing': 22,
  'no-fencing-in-the-database': 10,
  'children-before-parents': 26,
  'mapping-reads-children-first': 68,
  'higher-of-two-marks': 1,
  'marks-pruned-by-time': 60,
  'foreign-sequences-trusted': 0,
  'changed-code-same-generation': 50,
  'rewound-without-marks': 232,
  'rewound-same-generation': 9,
  'forgotten-intent': 18,
  'no-range-check': 19,
  'stray-is-fine': 10,
  'marks-from-memory': 114,
  'files-read-twice': 2,
  'rejections-not-kept': 26,
  'deaths-not-written-down': 36,
  'redriven-for-everybody': 13,
  'redriven-under-a-new-ordinal': 13,
  'one-name-for-all-processes': 12,
};
