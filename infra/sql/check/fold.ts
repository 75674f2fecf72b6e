import { SqlError } from '../../../functions/runtime/sql/errors/sql-error.ts';
import { formatTimestamp } from '../../../functions/runtime/sql/time/time-formats.ts';
import { timestampFromText } from '../../../functions/runtime/sql/time/timestamps.ts';
import { isStable } from '../catalog/stable.ts';
import { evaluateConstant } from '../emit/evaluate.ts';
import type { Branch, Checked } from '../plan/checked.ts';
import { children } from '../plan/checked.ts';
import { strictCount } from '../plan/routine.ts';
import { isScalar, typeName } from '../plan/sql-type.ts';
import type { MistakeKind, Source } from '../syntax/source-position.ts';
import { SqlMistake } from '../syntax/source-position.ts';

/**
 * Evaluates the parts of an expression that do not depend on the event, in the order of Postgres's planner and with its
 * short cuts. Throws `SqlMistake` for an error in such a part, so that the mistake is found before anything runs.
 */
export function foldConstants(source: Source, expression: Checked): Checked {
  const fold = (part: Checked): Checked => foldConstants(source, part);
  switch (expression.kind) {
    case 'constant':
    case 'column':
      return expression;
    case 'case':
      return foldCase(source, expression);
    case 'coalesce':
      return foldCoalesce(source, expression);
    case 'logic':
      return foldLogic(source, expression);
    case 'call': {
      const args = expression.args.map(fold);
      if (args.slice(0, strictCount(expression.resolved.routine)).some(isNull)) return nullLike(expression);
      checkPattern(source, { ...expression, args });
      checkTimeZone(source, { ...expression, args });
      return evaluated(source, { ...expression, args }, args);
    }
    case 'cast': {
      const arg = fold(expression.arg);
      // If converting the elements depends on the session, Postgres converts even a null array only at run time.
      const isDeferred = expression.type.kind === 'array' && isStable(expression);
      return isNull(arg) && !isDeferred ? nullLike(expression) : evaluated(source, { ...expression, arg }, [arg]);
    }
    case 'not':
    case 'test': {
      const arg = fold(expression.arg);
      return evaluated(source, { ...expression, arg }, [arg]);
    }
    case 'nullif': {
      const [a, b] = [fold(expression.args[0]), fold(expression.args[1])];
      if (isNull(a) || isNull(b)) return a;
      return evaluated(source, { ...expression, args: [a, b] }, [a, b]);
    }
    case 'distinct': {
      const [a, b] = [fold(expression.args[0]), fold(expression.args[1])];
      return evaluated(source, { ...expression, args: [a, b] }, [a, b]);
    }
    case 'extreme': {
      const args = expression.args.map(fold);
      return evaluated(source, { ...expression, args }, args);
    }
    case 'quantified': {
      const [left, right] = [fold(expression.left), fold(expression.right)];
      return evaluated(source, { ...expression, left, right }, [left, right]);
    }
    case 'array': {
      const elements = expression.elements.map(fold);
      return { ...expression, elements };
    }
    case 'element': {
      const [array, index] = [fold(expression.array), fold(expression.index)];
      return evaluated(source, { ...expression, array, index }, [array, index]);
    }
    case 'slice': {
      const slice = {
        ...expression,
        array: fold(expression.array),
        from: foldOptional(source, expression.from),
        to: foldOptional(source, expression.to),
      };
      return evaluated(source, slice, children(slice));
    }
    case 'field':
      return { ...expression, record: fold(expression.record) };
  }
}

const foldOptional = (source: Source, part: Checked | undefined): Checked | undefined =>
  part === undefined ? undefined : foldConstants(source, part);
const isConstant = (part: Checked): part is Checked & { kind: 'constant' } => part.kind === 'constant';
const isKnown = (part: Checked): boolean =>
  isConstant(part) || (part.kind === 'array' && part.elements.every(isConstant));
const isNull = (part: Checked): boolean => part.kind === 'constant' && part.text === null;
const isTrue = (part: Checked): boolean => part.kind === 'constant' && part.text === 'true';
const isFalse = (part: Checked): boolean => part.kind === 'constant' && part.text === 'false';
const nullLike = ({ type, offset }: Checked): Checked => ({
  kind: 'constant',
  text: null,
  type,
  nullable: true,
  offset,
});

/**
 * Tries out a literal regular expression or date format on a sample value, so that an unsupported one is an error of
 * the statement and does not reject every event.
 */
function checkPattern(source: Source, expression: Extract<Checked, { kind: 'call' }>): void {
  const [subject, ...given] = expression.args;
  // A literal pattern is checked even if flags or a replacement come from the event.
  const rest = given.map((arg, i) => (i > 0 && !isConstant(arg) ? optionSample(arg) : arg));
  if (
    !/^\{(?:text\/regex|time\/time-formats|time\/time-readers)\//.test(expression.resolved.routine.code) ||
    subject === undefined ||
    !rest.every(isConstant)
  )
    return;
  const probe = isScalar(subject.type, 'text')
    ? constantOf(subject, sampleFor(expression, rest[0]))
    : sampleOf(subject);
  const { error } = evaluateConstant({ ...expression, args: [probe, ...rest] });
  // Any other error may be one that no event ever reaches.
  if (error?.code === '0A000' || error?.code === '2201B')
    throw new SqlMistake(mistakeKind(error), { source, offset: expression.offset, problem: error.message });
}

const sampleOf = (part: Checked): Checked => constantOf(part, SAMPLES[typeName(part.type)] ?? '');
const optionSample = (part: Checked): Checked => (isScalar(part.type, 'text') ? constantOf(part, '') : sampleOf(part));
const constantOf = ({ type, offset }: Checked, text: string): Checked => ({
  kind: 'constant',
  text,
  type,
  nullable: false,
  offset,
});

/**
 * Returns a text that a format for reading has to accept: a moment written with the same format. The moment is in
 * September because to_char pads the names of months to the length of this one.
 */
function sampleFor({ resolved }: Extract<Checked, { kind: 'call' }>, format: Checked | undefined): string {
  if (!resolved.routine.code.startsWith('{time/time-readers/') || format?.kind !== 'constant') return '';
  try {
    return formatTimestamp(timestampFromText('2000-09-01'), format.text ?? '') ?? '';
  } catch (error) {
    // Evaluating the probe reports what is wrong with the format.
    if (error instanceof SqlError) return '';
    throw error;
  }
}

const SAMPLES: Record<string, string> = {
  text: 'day',
  timestamp: '2000-01-01',
  timestamptz: '2000-01-01Z',
  integer: '1',
  'double precision': '1',
};

/** Checks a literal time zone, because an unsupported one would reject every event. */
function checkTimeZone(source: Source, expression: Extract<Checked, { kind: 'call' }>): void {
  const { args, resolved, offset } = expression;
  if (!resolved.routine.code.startsWith('{time/zones/')) return;
  const zone = args.find(
    (arg, i) => typeName(arg.type) === 'text' && (i === 0 ? args.length === 2 : i === args.length - 1),
  );
  if (zone === undefined || !isConstant(zone)) return;
  const probes = args.map(
    (arg): Checked =>
      arg === zone
        ? zone
        : { kind: 'constant', text: SAMPLES[typeName(arg.type)] ?? null, type: arg.type, nullable: false, offset },
  );
  const { error } = evaluateConstant({ ...expression, args: probes });
  if (error?.code === '0A000')
    throw new SqlMistake('unsupported', { source, offset: zone.offset, problem: error.message });
}

/** Postgres folds calls of constants; constant arrays are constants too. */
function evaluated(source: Source, expression: Checked, parts: readonly Checked[]): Checked {
  if (!parts.every(isKnown) || isStable(expression)) return expression;
  const { text, error } = evaluateConstant(expression);
  const { type, offset } = expression;
  if (error !== undefined) throw new SqlMistake(mistakeKind(error), { source, offset, problem: error.message });
  return { kind: 'constant', text: text ?? null, type, nullable: (text ?? null) === null, offset };
}

/** Returns the kind of mistake that an error is. 0A000 is Postgres's SQLSTATE for features that are not supported. */
export const mistakeKind = (error: SqlError): MistakeKind => (error.code === '0A000' ? 'unsupported' : 'invalid');

function foldCase(source: Source, expression: Extract<Checked, { kind: 'case' }>): Checked {
  const branches: Branch[] = [];
  for (const { when, result: outcome } of expression.branches) {
    const condition = foldConstants(source, when);
    if (isFalse(condition) || isNull(condition)) continue;
    const result = foldConstants(source, outcome);
    if (isTrue(condition)) return branches.length === 0 ? result : { ...expression, branches, otherwise: result };
    branches.push({ when: condition, result });
  }
  const otherwise = foldConstants(source, expression.otherwise);
  return branches.length === 0 ? otherwise : { ...expression, branches, otherwise };
}

function foldCoalesce(source: Source, expression: Extract<Checked, { kind: 'coalesce' }>): Checked {
  const args: Checked[] = [];
  for (const part of expression.args) {
    const arg = foldConstants(source, part);
    if (isNull(arg)) continue;
    args.push(arg);
    if (isKnown(arg)) break;
  }
  const [only] = args;
  if (only === undefined) return nullLike(expression);
  return args.length === 1 ? only : { ...expression, args };
}

function foldLogic(source: Source, expression: Extract<Checked, { kind: 'logic' }>): Checked {
  const [decides, drops] = expression.operator === 'and' ? [isFalse, isTrue] : [isTrue, isFalse];
  const args: Checked[] = [];
  for (const part of expression.args) {
    const arg = foldConstants(source, part);
    if (decides(arg)) return arg;
    if (!drops(arg)) args.push(arg);
  }
  const [only] = args;
  if (only === undefined)
    return {
      kind: 'constant',
      text: expression.operator === 'and' ? 'true' : 'false',
      type: expression.type,
      nullable: false,
      offset: expression.offset,
    };
  return args.length === 1 || args.every(isNull) ? only : { ...expression, args };
}
