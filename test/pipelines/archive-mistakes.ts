import { firstViolation, hunted, huntInThread, type Seeds } from '../faults/hunt.ts';
import type { Mistake } from '../faults/mistakes.ts';
import { plant } from '../faults/plant.ts';

/** Mistakes that somebody might make where tables are made again of an archive. The schedules have to catch each. */
export const archiveMistakes: Readonly<Record<string, Mistake>> = {
  /** Archives only the records whose events are new to the sink: what is for the table alone is missing. */
  'archive-without-redriven': [
    {
      file: 'functions/sinks/s3/record-files.ts',
      text: 'for (const record of records.all) {',
      mistake: "for (const record of records.all.filter(({ data }) => !Buffer.from(data).includes('redrivenfor'))) {",
    },
  ],

  /** Begins a shard that the stream has forgotten without what its parents have had. */
  'forgotten-shards-left-out': [
    {
      file: 'functions/runtime/rebuild/past.ts',
      text: 'if (shard !== undefined) shards.push(shard);',
      mistake: 'if (shard?.parents.length === 0) shards.push(shard);',
    },
  ],
};

/** Plants a mistake in a thread of its own and plays schedules. Resolves to the first violation, if there is one. */
export function caughtInArchives(mistake: string, schedules: number): Promise<string | undefined> {
  return hunted(import.meta.url, { mistake, from: 0, most: schedules } satisfies Hunt);
}

interface Hunt extends Seeds {
  readonly mistake: string;
}

await huntInThread(import.meta.url, async ({ mistake, ...seeds }: Hunt) => {
  plant(mistake, archiveMistakes[mistake] as Mistake);
  const { playArchived } = await import('./archive-schedule.ts');
  return await firstViolation((seed) => playArchived(seed), seeds);
});
