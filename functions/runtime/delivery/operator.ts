import type { BatchWork } from '../batches/batch-work.ts';
import { UserMistake } from '../errors.ts';
import { type OperatorAnswer, OperatorRequest } from '../operator-request.ts';
import type { Replays } from '../replay/replay.ts';
import { answerOf, catchUpStep } from '../rewind/catch-up-step.ts';
import { deadlineOf, type Invocation } from '../step.ts';

/** Answers what an operator's command asks of a step. Throws a `UserMistake` for what it cannot be asked. */
export async function answerRequest(
  batchWork: BatchWork,
  event: object,
  { invocation, replays }: { readonly invocation: Invocation; readonly replays: Replays | undefined },
): Promise<OperatorAnswer> {
  const request = OperatorRequest.parse(event);
  switch (request.millrace) {
    case 'positions':
      return answerOf(batchWork, deadlineOf(invocation));
    case 'pull':
      return catchUpStep({ ...batchWork, mapped: request.delivery === 'continuous' }, invocation);
    case 'replay':
      if (replays === undefined) throw new UserMistake(`step '${batchWork.step.name}' is no sink: it has no replays`);
      return replays.continueReplay(request.id, invocation);
  }
}
