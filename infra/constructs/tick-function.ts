import { Construct } from 'constructs';
import { TICK_INPUT } from '../../functions/runtime/tick-handler.ts';
import { generationOf } from '../bundle.ts';
import type { OwnStreamPlan } from '../pipelines/streams.ts';
import { TICK_ENTRY, TICK_LIMITS, TICK_MILLIS, tickConfigOf } from '../ticks.ts';
import { addBundledFunction } from './bundled-function.ts';
import { decryptsItsInput, encryptsItsOutput } from './key-statements.ts';
import { addSchedule } from './schedule.ts';
import { seesCopied, writesItsOutput } from './step-statements.ts';
import { streamArnOf } from './stream-names.ts';
import type { Surroundings } from './surroundings.ts';

/** The function that appends a tick each minute to every shard of a stream, and its schedule. */
export class TickFunction extends Construct {
  constructor(
    scope: Construct,
    id: string,
    props: { readonly stream: OwnStreamPlan; readonly surroundings: Surroundings },
  ) {
    super(scope, id);
    const { stream, surroundings } = props;
    const { copyOf: copied } = stream;
    const { names } = surroundings;
    const bundle = surroundings.bundleOf(TICK_ENTRY);
    const functionName = names.ticks(stream.pipeline, stream.name);
    const { lambda } = addBundledFunction(this, {
      functionName,
      description: `tells stream ${stream.name} of pipeline ${stream.pipeline} what time it is`,
      path: bundle.path,
      config: {
        ...tickConfigOf(stream, names, (one) => streamArnOf(one, names)),
        generation: generationOf(bundle, undefined),
      },
      statements: [
        writesItsOutput(stream, names),
        ...encryptsItsOutput([stream], names),
        ...(copied === undefined ? [] : [...seesCopied(copied, names), ...decryptsItsInput(copied.stream, names)]),
      ],
      limits: TICK_LIMITS,
      network: undefined,
      names,
    });
    addSchedule(this, {
      functionName: lambda.ref,
      functionArn: lambda.attrArn,
      name: functionName,
      description: `appends a tick to each shard of stream ${stream.name} of pipeline ${stream.pipeline}`,
      everyMillis: TICK_MILLIS,
      input: TICK_INPUT,
    });
  }
}
