import type { Puller } from '../batches/batch-work.ts';
import { UserMistake } from '../errors.ts';
import { type PullAnswer, PullRequest } from '../operator-request.ts';
import type { Replays } from '../replay/replay.ts';
import { answerOf, pullOn } from '../rewind/catch-up-step.ts';
import { deadlineOf, type Invocation } from '../step.ts';

/** Answers what an operator's command asks of a step. Throws a `UserMistake` for what it cannot be asked. */
export async function answerRequest(
  puller: Puller,
  event: object,
  { invocation, replays }: { readonly invocation: Invocation; readonly replays: Replays | undefined },
): Promise<PullAnswer> {
  const request = PullRequest.parse(event);
  switch (request.millrace) {
    case 'positions':
      return answerOf(puller, deadlineOf(invocation));
    case 'pull':
      return pullOn({ ...puller, mapped: request.delivery === 'continuous' }, invocation);
    case 'replay':
      if (replays === undefined) throw new UserMistake(`step '${puller.step.name}' is no sink: it has no replays`);
      return replays.pullOn(request.id, invocation);
  }
}
