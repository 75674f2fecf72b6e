import type { BatchWork } from '../batches/batch-work.ts';
import { UserMistake } from '../errors.ts';
import { type OperatorAnswer, OperatorRequest } from '../operator-request.ts';
import type { Replays } from '../replay/replay.ts';
import { answerOf, catchUpStep } from '../rewind/catch-up-step.ts';
import { deadlineOf, type Invocation } from '../step.ts';

/** Answers the request of an operator's command. Throws a `UserMistake` for a request that the step cannot serve. */
export async function answerRequest(
  batchWork: BatchWork,
  event: object,
  { invocation, replays }: { readonly invocation: Invocation; readonly replays: Replays | undefined },
): Promise<OperatorAnswer> {
  const request = OperatorRequest.parse(event);
  switch (request.millrace) {
    case 'positions':
      return answerOf(batchWork, deadlineOf(invocation));
    // Continue the rewind. The request says whether a mapping or a schedule calls the step: its function cannot know.
    case 'pull':
      return catchUpStep(
        request.delivery === 'scheduled' ? { ...batchWork, kind: 'scheduled sink' } : batchWork,
        invocation,
      );
    case 'rebuild':
      if (batchWork.again === undefined)
        throw new UserMistake(`step '${batchWork.step.name}' is not a table, and only a table is made again`);
      return batchWork.again(request.id, invocation);
    case 'replay':
      if (replays === undefined)
        throw new UserMistake(`step '${batchWork.step.name}' is not a sink, and only a sink can be replayed`);
      return replays.continueReplay(request.id, invocation);
  }
}
