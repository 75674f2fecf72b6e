import type { Policy, PolicyStatement } from './identity.ts';

export interface LessPolicy {
  readonly statement: string;
  readonly action: string;
  /** The policy without it. */
  readonly rest: Policy;
  /**
   * Without that action of each statement of the same resources: where there are several, which differ by their
   * conditions.
   */
  readonly unlike?: Policy;
}

/** A policy less one action of one statement, for each that it allows. */
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

/** What every policy allows: one of no statements is refused. */
const ALWAYS = { Sid: 'Nothing', Effect: 'Allow', Action: 'sts:GetCallerIdentity', Resource: '*' } as const;

function less(statement: PolicyStatement, action: string): readonly PolicyStatement[] {
  const Action = [statement.Action].flat().filter((other) => other !== action);
  return Action.length === 0 ? [] : [{ ...statement, Action }];
}
