import { type EventSourceMappingConfiguration, ListEventSourceMappingsCommand } from '@aws-sdk/client-lambda';
import { differences, type Finding, look, type Verdict } from './finding.ts';
import { deployCommand, type ExaminedStage } from './stage.ts';

/** Settings of a mapping, as the constructs give them to CloudFormation or as Lambda's API names them. */
export type Settings = Readonly<Record<string, unknown>>;

/** Looks at the one mapping that calls a function. `expected` is in the words of Lambda's API. */
export function examineMapping(
  { of, FunctionName }: { readonly of: string; readonly FunctionName: string },
  expected: Settings,
  stage: ExaminedStage,
): Promise<Finding> {
  const command = new ListEventSourceMappingsCommand({ FunctionName });
  return look<{ EventSourceMappings?: EventSourceMappingConfiguration[] | undefined }>({
    of,
    what: 'mapping',
    right: ['lambda:ListEventSourceMappings', '*'],
    read: () => stage.lambda.send(command, { abortSignal: stage.signal }),
    judge: ({ EventSourceMappings = [] }) => verdictOf(EventSourceMappings, expected, stage),
    ifMissing: deployCommand(stage),
  });
}

function verdictOf(
  mappings: readonly EventSourceMappingConfiguration[],
  expected: Settings,
  stage: ExaminedStage,
): Verdict {
  const [found, ...others] = mappings;
  if (found === undefined) return { wrong: 'nothing calls the function', fix: deployCommand(stage) };
  if (others.length > 0)
    return { wrong: `${mappings.length} mappings call it, not one`, fix: 'delete those that the stack did not make' };
  const { State = 'in no state', StateTransitionReason, LastProcessingResult, UUID } = found;
  if (State !== 'Enabled')
    return {
      wrong: `it is ${State}${StateTransitionReason ? ` (${StateTransitionReason})` : ''}`,
      fix: /^(Creating|Enabling|Updating)$/.test(State)
        ? 'wait a minute and look again'
        : `enable it: aws lambda update-event-source-mapping --enabled --uuid ${UUID}`,
    };
  const wrong = differences(expected, { ...found });
  if (wrong !== undefined) return { wrong, fix: deployCommand(stage) };
  if (LastProcessingResult?.startsWith('PROBLEM'))
    return { wrong: LastProcessingResult, fix: 'see docs/runbook.md, and the log of the function' };
  return { ok: `enabled, ${LastProcessingResult ?? 'nothing read yet'}` };
}

/** Returns settings as Lambda's API names them. */
export function inApi(settings: Settings): Settings {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [
      `${name.charAt(0).toUpperCase()}${name.slice(1)}`,
      typeof value === 'object' && value !== null && !Array.isArray(value) ? inApi(value as Settings) : value,
    ]),
  );
}
