import type { Policy, PolicyStatement } from './identity.ts';

export interface LessPolicy {
  readonly statement: string;
  readonly action: string;
  /** The policy without the action. */
  readonly rest: Policy;
  /**
   * The policy without the action in any statement on the same resources, when several differ only in their conditions.
   */
  readonly unlike?: Policy;
}

/** Returns, for each action that a policy allows, the policy without that action. */
export function eachLess({ Version, Statement }: Policy): readonly LessPolicy[] {
  return Statement.filter(({ Effect }) => Effect === 'Allow').flatMap((statement) => {
    const actions = [statement.Action].flat();
    return actions.map((action) => {
      const alike = Statement.filter(
        (each) =>
          each.Effect === 'Allow' &&
          [each.Action].flat().includes(action) &&
          JSON.stringify(each.Resource) === JSON.stringify(statement.Resource),
      );
      const without = (taken: readonly PolicyStatement[]): Policy => ({
        Version,
        Statement: [ALWAYS, ...Statement.flatMap((each) => (taken.includes(each) ? less(each, action) : [each]))],
      });
      const rest = without([statement]);
      return { statement: statement.Sid, action, rest, ...(alike.length > 1 && { unlike: without(alike) }) };
    });
  });
}

/** A statement that every policy gets, because IAM rejects a policy without statements. */
const ALWAYS = { Sid: 'Nothing', Effect: 'Allow', Action: 'sts:GetCallerIdentity', Resource: '*' } as const;

function less(statement: PolicyStatement, action: string): readonly PolicyStatement[] {
  const Action = [statement.Action].flat().filter((other) => other !== action);
  return Action.length === 0 ? [] : [{ ...statement, Action }];
}
