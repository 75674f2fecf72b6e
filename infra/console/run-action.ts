import { z } from 'zod';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { isPosition } from '../../functions/runtime/position.ts';
import { parseData } from '../operation/dead-letters/mend.ts';
import { inspectEvent } from '../operation/inspect-event.ts';
import { type Answer, runAgain, transformOf } from '../operation/lineage/run-again.ts';
import { withData } from '../operation/lineage/with-data.ts';
import { type AskedAct, parseBody } from './act.ts';
import type { TriedAnswer } from './action-answers.ts';
import { cutText, shownBytes } from './shown-bytes.ts';
import type { ConsoleSource } from './source.ts';

const Run = z.strictObject({ step: z.string().regex(/^[^/]+\/[^/]+$/, 'is <pipeline>/<step>'), data: z.string() });

/**
 * Runs a transform on an event of the log whose data somebody has edited, with the code of this repository. Nothing is
 * appended or stored, so a console that only reads may do it.
 */
export async function runAct({ find, target, hidesData }: ConsoleSource, asked: AskedAct): Promise<TriedAnswer> {
  if (hidesData)
    throw new UserMistake('with --hide-data steps do not run here: what they make may show what is hidden');
  const { named, signal } = asked;
  const { pipeline, stream: name, shard = '', position = '' } = named;
  const { step: wanted, data } = parseBody(Run, asked);
  const dataBytes = parseData(data);
  const step = find.step(...(wanted.split('/') as [string, string]));
  if (step.kind !== 'transform') throw new UserMistake(`'${wanted}' is a ${step.kind}: only transforms run here`);
  if (!isPosition(position)) throw new UserMistake(`'${position}' is no position: open an event from its stream`);
  const stream = target.streamName(find.stream(pipeline, name));
  const found = await inspectEvent(target.clients.kinesis, { stream, shard, position }, signal);
  if (found === undefined)
    throw new UserMistake(`there is no event at ${position} in ${shard}: the log may have trimmed it`);
  const transform = await transformOf(step, find.transforms(step.pipeline));
  return shownOutputs(runAgain(transform, withData(found.event, dataBytes)));
}

/** A page shows no more outputs, and no more of each. */
const MOST_OUTPUTS = 20;
const MOST_BYTES = 16 * 1024;
const MOST_NAME = 256;

export function shownOutputs(answer: Answer): TriedAnswer {
  if ('refusal' in answer) return { outcome: 'refused', why: answer.refusal };
  const { outputs } = answer;
  return {
    outcome: 'made',
    count: outputs.length,
    outputs: outputs.slice(0, MOST_OUTPUTS).map(({ type, key, time, dataBytes }) => ({
      type: cutText(type, MOST_NAME),
      key: cutText(key, MOST_NAME),
      time: cutText(time, MOST_NAME),
      data: shownBytes(dataBytes, MOST_BYTES),
    })),
  };
}
