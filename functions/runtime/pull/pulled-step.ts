import type { LogWriter } from '../log/log-writer.ts';
import type { PulledSource } from '../source.ts';
import type { Step } from '../step.ts';

/** A pulled source in one process. */
export interface PulledStep<P> {
  readonly source: PulledSource<P>;
  readonly step: Step;
  readonly writer: LogWriter;
}
