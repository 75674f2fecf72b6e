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
 * Computes what does not depend on the event, in the order and with the short cuts of Postgres's planner. An error in
 * it is a mistake in the statement, found before anything runs.
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
      tryPattern(source, { ...expression, args });
      tryZone(source, { ...expression, args });
      return computed(source, { ...expression, args }, args);
    }
    case 'cast': {
      const arg = fold(expression.arg);
      // What becomes of an array's elements may depend on the session: then Postgres leaves a null array to be
      // converted, too.
      const isLeft = expression.type.kind === 'array' && isStable(expression);
      return isNull(arg) && !isLeft ? nullLike(expression) : computed(source, { ...expression, arg }, [arg]);
    }
    case 'not':
    case 'test': {
      const arg = fold(expression.arg);
      return computed(source, { ...expression, arg }, [arg]);
    }
    case 'nullif': {
      const [a, b] = [fold(expression.args[0]), fold(expression.args[1])];
      if (isNull(a) || isNull(b)) return a;
      return computed(source, { ...expression, args: [a, b] }, [a, b]);
    }
    case 'distinct': {
      const [a, b] = [fold(expression.args[0]), fold(expression.args[1])];
      return computed(source, { ...expression, args: [a, b] }, [a, b]);
    }
    case 'extreme': {
      const args = expression.args.map(fold);
      return computed(source, { ...expression, args }, args);
    }
    case 'quantified': {
      const [left, right] = [fold(expression.left), fold(expression.right)];
      return computed(source, { ...expression, left, right }, [left, right]);
    }
    case 'array': {
      const elements = expression.elements.map(fold);
      return { ...expression, elements };
    }
    case 'element': {
      const [array, index] = [fold(expression.array), fold(expression.index)];
      return computed(source, { ...expression, array, index }, [array, index]);
    }
    case 'slice': {
      const slice = {
        ...expression,
        array: fold(expression.array),
        from: folded(source, expression.from),
        to: folded(source, expression.to),
      };
      return computed(source, slice, children(slice));
    }
    case 'field':
      return { ...expression, record: fold(expression.record) };
  }
}

const folded = (source: Source, part: Checked | undefined): Checked | undefined =>
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
 * A regular expression that is a literal is read now, so that one that is not supported is refused before anything
 * runs.
 */
function tryPattern(source: Source, expression: Extract<Checked, { kind: 'call' }>): void {
  const [subject, ...rest] = expression.args;
  if (
    !/^\{(?:text\/regex|time\/time-formats|time\/time-readers)\//.test(expression.resolved.routine.code) ||
    subject === undefined ||
    !rest.every(isConstant)
  )
    return;
  const text = isScalar(subject.type, 'text')
    ? sampleFor(expression, rest[0])
    : (SAMPLES[typeName(subject.type)] ?? '');
  const probe: Checked = { kind: 'constant', text, type: subject.type, nullable: false, offset: subject.offset };
  const { error } = evaluateConstant({ ...expression, args: [probe, ...rest] });
  // Other errors may never be reached.
  if (error?.code === '0A000' || error?.code === '2201B')
    throw new SqlMistake(mistakeKind(error), { source, offset: expression.offset, problem: error.message });
}

/**
 * A text that a format for reading must take: a moment written by it. September is as long as names of months are
 * filled up to.
 */
function sampleFor({ resolved }: Extract<Checked, { kind: 'call' }>, format: Checked | undefined): string {
  if (!resolved.routine.code.startsWith('{time/time-readers/') || format?.kind !== 'constant') return '';
  try {
    return formatTimestamp(timestampFromText('2000-09-01'), format.text ?? '') ?? '';
  } catch (error) {
    // What is wrong with the format is said when the probe is evaluated.
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

/** A time zone that is a literal is looked at now: one that is not supported would refuse every event. */
function tryZone(source: Source, expression: Extract<Checked, { kind: 'call' }>): void {
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
function computed(source: Source, expression: Checked, parts: readonly Checked[]): Checked {
  if (!parts.every(isKnown) || isStable(expression)) return expression;
  const { text, error } = evaluateConstant(expression);
  const { type, offset } = expression;
  if (error !== undefined) throw new SqlMistake(mistakeKind(error), { source, offset, problem: error.message });
  return { kind: 'constant', text: text ?? null, type, nullable: (text ?? null) === null, offset };
}

/** 0A000 is Postgres's own code for what is not supported. */
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
