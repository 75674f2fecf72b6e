import type { Streams } from '../../infra/pipelines/pipeline.ts';
import { record } from '../kit/given-events.ts';
import type { PipelineRun } from '../kit/pipeline-run.ts';
import type { Resharding } from '../kit/resharding.ts';
import type { Disturbance } from './cells.ts';
import type { Schedule } from './schedule.ts';

/** What schedules do to pipelines with tables, whatever events these have. */
export type AnyAction =
  | { readonly what: 'bytes'; readonly text: string }
  | { readonly what: 'pass'; readonly millis: number }
  | { readonly what: 'reshard'; readonly stream: string; readonly how: Resharding }
  | { readonly what: 'upgrade' | 'resume'; readonly step: string }
  | Extract<Disturbance, { readonly what: 'kill' | 'recut' | 'pause' | 'down' }>;

/** Lets calls fail as a schedule says: those that it names, and some by chance. */
export function failAsIn(
  run: { readonly when: Pick<PipelineRun<Streams>['when'], 'fails' | 'anythingFails'> },
  { faults, chance }: Pick<Schedule, 'faults' | 'chance'>,
): void {
  for (const { site, kind, after = 0, times = 1 } of faults) run.when.fails(site, kind, { after, times });
  if (chance.most > 0) run.when.anythingFails(chance);
}

/** Performs an action. Texts that are no events go into the stream `raw`, and are noted. */
export async function performAny<S extends Streams & { readonly raw: Streams[string] }>(
  run: Pick<PipelineRun<S>, 'given' | 'when'>,
  action: AnyAction,
  texts: string[],
): Promise<void> {
  const { when } = run;
  switch (action.what) {
    case 'bytes':
      texts.push(action.text);
      return run.given('raw', [record(action.text)]);
    case 'pass':
      return when.pass(action.millis);
    case 'reshard':
      return when.resharded(action.stream as keyof S & string, action.how).catch(() => undefined);
    case 'upgrade':
      return when.deployed(action.step);
    case 'kill':
      return when.killed(action.step);
    case 'recut':
      return when.recut(action.step);
    case 'down':
      return when.down(action.site, action.time);
    case 'pause':
      await when.paused(action.step);
      return;
    case 'resume':
      return when.resumed(action.step);
  }
}
