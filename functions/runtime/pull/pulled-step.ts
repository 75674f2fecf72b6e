import { UserMistake } from '../errors.ts';
import { type LogWriter, openLogWriter } from '../log/log-writer.ts';
import type { PulledSource } from '../source.ts';
import type { Step } from '../step.ts';

/** A pulled source in one process. */
export interface PulledStep<P> {
  readonly source: PulledSource<P>;
  readonly step: Step;
  readonly outputs: Outputs;
}

/** The streams that a pulled source writes. */
export interface Outputs {
  /**
   * Returns the writer of an output; of the only one for undefined. Outputs into one stream have one writer, because
   * only one append at a time may be in flight there. Throws for a name that the step does not have.
   */
  writerOf(output: string | undefined): LogWriter;
}

export function openOutputs({ config, kinesis, name, writer }: Step): Outputs {
  const { outputs } = config;
  if (outputs === undefined) {
    if (writer === undefined) throw new UserMistake(`step '${name}' writes to no stream: STEP_CONFIG has no output`);
    return {
      writerOf(output) {
        if (output === undefined) return writer;
        throw new Error(`'${name}': an event goes to the output '${output}', and the step has only one`);
      },
    };
  }
  const byStream = new Map<string, LogWriter>();
  const writers = new Map<string | undefined, LogWriter>(
    Object.entries(outputs).map(([output, settings]) => {
      const known =
        byStream.get(settings.stream) ??
        openLogWriter({ kinesis, ...settings, version: config.versions?.outputs?.[output] });
      byStream.set(settings.stream, known);
      return [output, known];
    }),
  );
  return {
    writerOf(output) {
      const found = writers.get(output);
      if (found !== undefined) return found;
      const known = [...writers.keys()].join(', ');
      throw new Error(`'${name}': an event goes to the output '${output}': the step has ${known}`);
    },
  };
}
