/** Changes of the product's code that together break a promise. */
export type Mistake = readonly Edit[];

export interface Edit {
  readonly file: string;
  /** Text that the file contains exactly once. */
  readonly text: string;
  readonly mistake: string;
}

const RUNTIME = 'functions/runtime';

/**
 * Mistakes that somebody might make. The matrix has to catch each of them: a matrix that cannot fail proves nothing. A
 * mistake is planted by replacing text of the product's code.
 */
export const mistakes: Readonly<Record<string, Mistake>> = {
  /** Moves the checkpoint before the append: a crash between the two loses events. */
  'checkpoint-first': [
    {
      file: `${RUNTIME}/batches/transform-batch.ts`,
      text: 'const appended = await writer.append(outputs, signal);',
      mistake: '',
    },
    {
      file: `${RUNTIME}/batches/transform-batch.ts`,
      text: 'return { loaded, eventsOut: outputs.length - ticks,',
      mistake: `const appended = await writer.append(outputs, signal);
  return { loaded, eventsOut: outputs.length - ticks,`,
    },
  ],

  /** Builds sequences from the batch: a retried batch may be cut differently. */
  'idempotency-by-batch': [
    {
      file: `${RUNTIME}/batches/transform-batch.ts`,
      text: `\`/\${step.name}/\${shard.key}/\${generationOf(step, shard)}\``,
      mistake: `\`/\${step.name}/\${batch.events[0]?.position}/\${batch.events.at(-1)?.position}\``,
    },
  ],

  /** Sends a failed record again after later ones: readers have seen higher sequences by then, and drop it. */
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

  /** Saves a checkpoint without a condition: a twin that wakes up moves the checkpoint back. */
  'no-fencing': [
    {
      file: `${RUNTIME}/checkpoints/checkpoints.ts`,
      text: `'attribute_not_exists(revision)' : 'revision = :previous'`,
      mistake: `'attribute_not_exists(nothing)' : 'revision = :previous OR attribute_not_exists(nothing)'`,
    },
  ],

  /** The same for a sink that keeps its own progress, in the model of its database. */
  'no-fencing-in-the-database': [
    {
      file: 'test/kit/tables.ts',
      text: '(committed.get(itemKeyOf(step, one.shard))?.revision ?? 0) !== one.previous',
      mistake: 'false',
    },
  ],

  /** Reads a child shard before its parents: the child's records are later than its parents'. */
  'children-before-parents': [
    {
      file: `${RUNTIME}/delivery/scheduled.ts`,
      text: 'if (!parents.every(Boolean)) return false;',
      mistake: 'void parents;',
    },
  ],

  /** The same in the emulated event source mapping, which orders shards for us on AWS. */
  'mapping-reads-children-first': [
    {
      file: 'infra/emulator/mapping/lineage.ts',
      text: 'shard.parents.every((parent) => shards.get(parent)?.isDrained ?? true)',
      mistake: 'true',
    },
  ],

  /** Merges the parents' marks by taking the higher one: events that the other parent has not read yet are dropped. */
  'higher-of-two-marks': [
    {
      file: `${RUNTIME}/checkpoints/shard-states.ts`,
      text: 'const marks = withoutGaps(inherited.marks, shard, noMarks);',
      mistake: `const highest: MarkRange['marks'] = new Map();
      for (const { marks } of inherited.marks)
        for (const [source, mark] of marks)
          if ((highest.get(source)?.sequence ?? '') < mark.sequence) highest.set(source, mark);
      const marks = [{ from: shard.from, to: shard.to, marks: highest }];`,
    },
  ],

  /**
   * Forgets marks of live sources after a time: a step whose function failed for an hour then repeats its last batch.
   */
  'marks-pruned-by-time': [
    {
      file: `${RUNTIME}/checkpoints/marks.ts`,
      text: 'if (passing) marks.set',
      mistake: 'if (source !== undefined) marks.set',
    },
  ],

  /** Deduplicates foreign events by their sequence: another team's requests overtake each other, so events are lost. */
  'foreign-sequences-trusted': [
    {
      file: `${RUNTIME}/batches/batch.ts`,
      text: 'isOwn: own.some((prefix) => source.startsWith(prefix))',
      mistake: 'isOwn: own.length > 0',
    },
  ],

  /** Keeps the generation when code changes: new outputs get sequences that readers have passed. */
  'changed-code-same-generation': [
    {
      file: 'infra/bundle.ts',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of a module
      text: '.update(`${bundled.sha256}\\n${canonicalJson(options)}`)',
      mistake: `.update('')`,
    },
  ],

  /** Does not rebuild the marks after a rewind: a repeat of an old row counts as new and overwrites a newer row. */
  'rewound-without-marks': [
    {
      file: `${RUNTIME}/rewind/catch-up.ts`,
      text: 'batchWork.move(at, { ...batch.state(), rejections: [] }, signal)',
      mistake: 'batchWork.move(at, { ...batch.state(), marks: at.loaded.state.marks, rejections: [] }, signal)',
    },
  ],

  /** Keeps the generation in a rewind: readers drop the events that the rewind was meant to send again. */
  'rewound-same-generation': [
    {
      file: `${RUNTIME}/rewind/state-changes.ts`,
      text: '...(goesBack && rewinds !== undefined ? { generation: rewinds } : {}),',
      mistake: '',
    },
  ],

  /** Forgets the intended end of a slice: the slice is read again with another end, so its files get other names. */
  'forgotten-intent': [
    {
      file: `${RUNTIME}/batches/write-batch.ts`,
      text: 'if (sink.keepsProgress ||',
      mistake: 'if (sink !== undefined ||',
    },
  ],

  /** Reads aggregated events outside the shard's range: the writer appends those again, to their own shard. */
  'no-range-check': [
    {
      file: `${RUNTIME}/batches/batch.ts`,
      text: 'else if (aggregated && aim === undefined && !isWhole && !within(hash(), facts)) return;',
      mistake: '',
    },
  ],

  /** Accepts a record that landed in another shard: readers there drop the events outside their range. */
  'stray-is-fine': [
    {
      file: `${RUNTIME}/log/log-writer.ts`,
      text: 'if (outcome.shardId === queue.shard.id) advance(queue, record);',
      mistake: 'if (outcome.shardId !== undefined) advance(queue, record);',
    },
  ],

  /** Keeps marks in memory: another process may have moved the position meanwhile. */
  'marks-from-memory': [
    { file: `${RUNTIME}/transform-handler.ts`, text: 'keepsStates: false', mistake: 'keepsStates: true' },
  ],

  /** Reads a file again when its announcement is delivered twice. */
  'files-read-twice': [
    {
      file: `${RUNTIME}/items/read-items.ts`,
      text: 'if (await isDone(checkpoints, item.identity, turn.signal)) return undefined;',
      mistake: '',
    },
  ],

  /** Does not store rejections that the state still holds: they are lost when a process dies after its commit. */
  'rejections-not-kept': [
    {
      file: `${RUNTIME}/batches/write-batch.ts`,
      text: 'await step.deadLetters.put(shard.key, shard.loaded.state.rejections, signal);',
      mistake: '',
    },
  ],

  /** Acknowledges a batch of which only the first portion is processed: the other events are lost. */
  'only-the-first-portion': [
    {
      file: `${RUNTIME}/delivery/continuous.ts`,
      text: 'const unfinished = firstUnfinished(records, positionOfShard({ loaded }));',
      mistake: 'const unfinished = firstUnfinished([], positionOfShard({ loaded }));',
    },
  ],

  /** Does not record deaths: every process dies of the same event, and the events after it are never processed. */
  'deaths-not-written-down': [
    {
      file: `${RUNTIME}/checkpoints/attempts.ts`,
      text: 'await saveNote(checkpoints, attemptNote(shard), { previous: revision - 1, value: attempt, signal });',
      mistake: '',
    },
  ],

  /** Waits for an operator after three poison events in a row: the events behind them are never processed. */
  'waits-for-an-operator': [
    {
      file: `${RUNTIME}/poison/waits.ts`,
      text: 'return lastMillis + (WAITS_MILLIS[count] ?? 15 * MINUTE);',
      mistake: 'return lastMillis + 1e12;',
    },
  ],

  /** Delivers a redriven event to every step: the steps that had accepted it process it twice. */
  'redriven-for-everybody': [
    {
      file: `${RUNTIME}/dead-letters/redriven.ts`,
      text: 'return names !== undefined && redrivenFor !== undefined && !names.includes(redrivenFor);',
      mistake: 'return names === undefined && redrivenFor !== undefined;',
    },
  ],

  /** Takes a new ordinal after a crash: events that are in the log already are appended under other sequences. */
  'redriven-under-a-new-ordinal': [
    {
      file: 'infra/operation/dead-letters/redrive.ts',
      text: 'const finished = await finish(work, lane);\n    add({ appended: finished.appended, fromBefore',
      mistake: `lane = { ...lane, state: { ...lane.state, ordinal: lane.state.ordinal + 1 } };
    const finished = await finish(work, lane);
    add({ appended: finished.appended, fromBefore`,
    },
  ],

  /** Keeps the latest run of marks only: a step that was killed repeats a batch, and its readers take it again. */
  'marks-evicted': [
    {
      file: `${RUNTIME}/checkpoints/runs.ts`,
      text: 'const all = [...kept, ...pages];',
      mistake: 'const all = [...kept, ...pages].slice(-1);',
    },
  ],

  /** Keeps the pages of marks beside the rows: a database that is restored names pages that are gone. */
  'marks-beside-the-rows': [
    {
      file: `${RUNTIME}/batches/sink-step.ts`,
      text: 'keepsPages: loadProgress !== undefined && loadPages !== undefined,',
      mistake: 'keepsPages: false,',
    },
  ],

  /** Gives all processes of a source one name: two of them use the same sequences. */
  'one-name-for-all-processes': [
    {
      file: `${RUNTIME}/request-handler.ts`,
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of a module
      text: 'numbering(`/${name}/process/${processId}`, pipelines)',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of a module
      mistake: 'numbering(`/${name}/process/all`, pipelines)',
    },
  ],
};

/**
 * The first schedule that catches each mistake. The test begins there to save time, and plays the following schedules
 * when that one no longer catches it.
 */
export const caughtFrom: Readonly<Record<string, number>> = {
  'checkpoint-first': 3,
  'idempotency-by-batch': 3,
  hole: 1,
  'no-fencing': 22,
  'no-fencing-in-the-database': 10,
  'children-before-parents': 30,
  'mapping-reads-children-first': 27,
  'higher-of-two-marks': 1,
  'marks-pruned-by-time': 60,
  'foreign-sequences-trusted': 0,
  'changed-code-same-generation': 50,
  'rewound-without-marks': 152,
  'rewound-same-generation': 9,
  'forgotten-intent': 46,
  'no-range-check': 20,
  'stray-is-fine': 10,
  'marks-from-memory': 20,
  'files-read-twice': 2,
  'rejections-not-kept': 6,
  'only-the-first-portion': 1,
  'deaths-not-written-down': 13,
  'waits-for-an-operator': 35,
  'redriven-for-everybody': 13,
  'redriven-under-a-new-ordinal': 13,
  'marks-evicted': 119,
  'marks-beside-the-rows': 7,
  'one-name-for-all-processes': 1,
};
