/** A random expression that can be taken apart, so that a failing one can be made smaller. */
export interface Generated {
  readonly type: string;
  readonly parts: readonly Generated[];
  readonly render: (parts: readonly string[]) => string;
  /** Conditions that are joined by AND, of its parts: Postgres evaluates those of WHERE in an order of its own. */
  readonly conjuncts?: (parts: readonly Generated[]) => readonly Generated[];
}

export const sqlOf = (expression: Generated): string => expression.render(expression.parts.map(sqlOf));

export const leaf = (type: string, sql: string): Generated => ({ type, parts: [], render: () => sql });
export const node = (
  type: string,
  parts: readonly Generated[],
  render: (parts: readonly string[]) => string,
): Generated => ({
  type,
  parts,
  render,
});

/** The same with a part less, or one of its parts; shortest first. */
export function simpler(expression: Generated): readonly Generated[] {
  const inside = descendants(expression);
  const replaced = expression.parts.flatMap((part, i) =>
    [...descendants(part).filter(({ type }) => type === part.type), ...simpler(part)].map((smaller) => ({
      ...expression,
      parts: expression.parts.map((old, j) => (j === i ? smaller : old)),
    })),
  );
  return [...inside, ...replaced].sort((a, b) => sqlOf(a).length - sqlOf(b).length).slice(0, 60);
}

const descendants = (expression: Generated): readonly Generated[] =>
  expression.parts.flatMap((part) => [part, ...descendants(part)]);
