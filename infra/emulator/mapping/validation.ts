import type { z } from 'zod';
import { LambdaError } from '../lambda-error.ts';

type Issue = z.core.$ZodIssue;

/** Parses an input, or throws the error that Lambda's API answers with, in its words. */
export function refuseInvalid<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const parsed = schema.safeParse(input, { reportInput: true });
  if (parsed.success) return parsed.data;
  const wrongType = parsed.error.issues.find((issue) => isWrongType(issue) && inputOf(issue) !== undefined);
  if (wrongType !== undefined) throw new LambdaError('SerializationException', notConvertible(wrongType));
  const constraints = parsed.error.issues.flatMap(brokenConstraints);
  const detected = `${constraints.length} validation error${constraints.length === 1 ? '' : 's'} detected: `;
  throw new LambdaError('ValidationException', detected + constraints.join('; '));
}

function isWrongType(issue: Issue): boolean {
  return (
    issue.code === 'invalid_type' ||
    (issue.code === 'invalid_union' && issue.errors.every((branch) => branch.every(isWrongType)))
  );
}

function notConvertible(issue: Issue): string {
  const expected = issue.code === 'invalid_type' ? issue.expected : 'timestamp';
  return `${typeof inputOf(issue)} value can not be converted to ${expected} at '${memberName(issue.path)}'`;
}

function brokenConstraints(issue: Issue): string[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const path = memberName([...issue.path, key]);
      return `Value at '${path}' failed to satisfy constraint: Member is not a parameter of a Kinesis event source mapping`;
    });
  }
  const value = inputOf(issue);
  const shown = value === undefined ? 'null' : `'${String(value)}'`;
  const constraint = value === undefined ? 'Member must not be null' : issue.message;
  return [`Value ${shown} at '${memberName(issue.path)}' failed to satisfy constraint: ${constraint}`];
}

function inputOf(issue: Issue): unknown {
  return issue.input;
}

/** Names a member as Lambda's messages do: `batchSize`, `functionResponseTypes.1.member`. */
function memberName(path: readonly PropertyKey[]): string {
  return path.map((part) => (typeof part === 'number' ? `${part + 1}.member` : lowerFirst(String(part)))).join('.');
}

function lowerFirst(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}
