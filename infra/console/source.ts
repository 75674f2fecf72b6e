import type { RateReader } from '../operation/status/rates.ts';
import type { TargetWithFunctions } from '../operation/target.ts';
import type { Pipeline } from '../pipelines/pipeline.ts';
import type { PipelinePlan, StepPlan } from '../pipelines/plan.ts';
import type { StreamPlan } from '../pipelines/streams.ts';

/** What a console shows. */
export interface ConsoleSource {
  /** What the pages call it: `dev on this machine`. */
  readonly title: string;
  /** What follows a command line so that it works on the same target: ` --stage prod`; nothing for a dev. */
  readonly options: string;
  readonly target: TargetWithFunctions;
  readonly find: {
    plans(): readonly PipelinePlan[];
    plan(pipeline: string | undefined): PipelinePlan;
    step(pipeline: string | undefined, step: string | undefined): StepPlan;
    stream(pipeline: string | undefined, stream: string | undefined): StreamPlan;
    tables(pipeline: string): Pipeline['tables'];
    transforms(pipeline: string): Pipeline['transforms'];
  };
  /** Fields that a schema calls personal (`.meta({ personal: true })`) are not shown. */
  readonly hidesData: boolean;
  /** The pause between two looks at all steps. Each look takes some of the reads that a shard allows to all readers. */
  readonly lookEveryMillis: number;
  /** Where the rates on the edges come from. Without it, the edges have none. */
  readonly rates?: RateReader;
  /** Pages may pause, resume and move steps, and redrive, mend and discard dead letters. */
  readonly writes: boolean;
  /** Called with what somebody has done in a page. */
  readonly note?: (said: string) => void;
}
