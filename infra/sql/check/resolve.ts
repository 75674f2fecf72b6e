import type { Parameter, Resolved, Routine } from '../plan/routine.ts';
import type { SqlType } from '../plan/sql-type.ts';
import { category, isPreferred, isUnknown, sameType } from '../plan/sql-type.ts';
import { bindPolymorphic } from './polymorphic.ts';

export type Resolution = Resolved | 'none' | 'ambiguous';

/** Chooses among routines of one name by Postgres's rules (chapter "Type Conversion" of its manual). */
export function resolve(candidates: readonly Routine[], args: readonly SqlType[]): Resolution {
  const fitting = candidates.flatMap((routine) => bind(routine, args) ?? []);
  const exact = fitting.find((candidate) => isExact(candidate, args)) ?? exactWithUnknown(fitting, candidates, args);
  if (exact !== undefined) return exact;
  if (fitting.length === 0) return 'none';
  return select(fitting, args);
}

function bind(routine: Routine, args: readonly SqlType[]): Resolved | undefined {
  const parameters = expand(routine, args.length);
  if (parameters === undefined) return undefined;
  return bindPolymorphic(routine, parameters, args);
}

function expand(routine: Routine, count: number): readonly Parameter[] | undefined {
  const { parameters, variadic } = routine;
  if (!variadic) return parameters.length === count ? parameters : undefined;
  const last = parameters.at(-1);
  if (last === undefined || count < parameters.length - (isAny(last) ? 1 : 0)) return undefined;
  return Array.from({ length: count }, (_, i) => parameters[i] ?? last);
}

const isAny = (parameter: Parameter): boolean => parameter.kind === 'polymorphic' && parameter.name === 'any';
const isConcrete = ({ routine }: Resolved): boolean => routine.parameters.every(isDeclaredType);

const isExact = (candidate: Resolved, args: readonly SqlType[]): boolean =>
  isConcrete(candidate) && candidate.parameters.every((parameter, i) => sameType(parameter, args[i] ?? parameter));

/** For a binary operator with one unknown operand, first looks for one that takes the other's type on both sides. */
function exactWithUnknown(
  fitting: readonly Resolved[],
  candidates: readonly Routine[],
  args: readonly SqlType[],
): Resolved | undefined {
  const [left, right] = args;
  const operator = candidates[0] !== undefined && /^[^a-z_]/.test(candidates[0].name);
  if (!operator || left === undefined || right === undefined || isUnknown(left) === isUnknown(right)) return undefined;
  const known = isUnknown(left) ? right : left;
  return fitting.find((candidate) => isExact(candidate, [known, known]));
}

function select(fitting: readonly Resolved[], args: readonly SqlType[]): Resolution {
  if (fitting.length === 1 && fitting[0] !== undefined) return fitting[0];
  const exact = best(fitting, (candidate) => count(args, (arg, i) => !isUnknown(arg) && isSame(candidate, i, arg)));
  if (exact.length === 1 && exact[0] !== undefined) return exact[0];
  const preferred = best(exact, (candidate) =>
    count(args, (arg, i) => !isUnknown(arg) && isExactOrPreferred(candidate, i, arg)),
  );
  if (preferred.length === 1 && preferred[0] !== undefined) return preferred[0];
  if (!args.some(isUnknown)) return 'ambiguous';
  const guessed = byCategory(preferred, args);
  if (guessed.length === 1 && guessed[0] !== undefined) return guessed[0];
  return assumingKnown(guessed, args) ?? 'ambiguous';
}

const count = (args: readonly SqlType[], test: (arg: SqlType, index: number) => boolean): number =>
  args.filter(test).length;

function best(candidates: readonly Resolved[], score: (candidate: Resolved) => number): readonly Resolved[] {
  const scores = candidates.map(score);
  const highest = Math.max(...scores);
  return candidates.filter((_, i) => scores[i] === highest);
}

/** Tests for an exact match. A polymorphic parameter is never one, because Postgres treats it as a pseudo type. */
function isSame(candidate: Resolved, index: number, arg: SqlType): boolean {
  const declared = declaredAt(candidate, index);
  return isDeclaredType(declared) && sameType(candidate.parameters[index] ?? arg, arg);
}

const isDeclaredType = (declared: Parameter | undefined): boolean =>
  declared !== undefined && declared.kind !== 'polymorphic' && declared.kind !== 'foreign';

function declaredAt({ routine }: Resolved, index: number): Parameter | undefined {
  return routine.parameters[index] ?? routine.parameters.at(-1);
}

function isExactOrPreferred(candidate: Resolved, index: number, arg: SqlType): boolean {
  if (isSame(candidate, index, arg)) return true;
  const parameter = candidate.parameters[index];
  if (!isDeclaredType(declaredAt(candidate, index)) || parameter === undefined) return false;
  return category(parameter) === category(arg) && isPreferred(parameter);
}

/** Keeps the candidates that fit the category of each unknown argument: text if any takes it, else the common one. */
function byCategory(candidates: readonly Resolved[], args: readonly SqlType[]): readonly Resolved[] {
  const slots = args.map((arg, i) => (isUnknown(arg) ? slotOf(candidates, i) : undefined));
  if (args.some((arg, i) => isUnknown(arg) && slots[i] === undefined)) return candidates;
  const kept = candidates.filter((candidate) =>
    slots.every((slot, i) => slot === undefined || fitsSlot(candidate, i, slot)),
  );
  return kept.length > 0 ? kept : candidates;
}

interface Slot {
  readonly category: string;
  readonly preferred: boolean;
}

function slotOf(candidates: readonly Resolved[], index: number): Slot | undefined {
  const declared = candidates.map((candidate) => categoryAt(candidate, index));
  const chosen = declared.some((slot) => slot.category === 'string') ? 'string' : declared[0]?.category;
  const agreed = chosen === 'string' || declared.every((slot) => slot.category === chosen);
  if (chosen === undefined || !agreed) return undefined;
  return { category: chosen, preferred: declared.some((slot) => slot.category === chosen && slot.preferred) };
}

function categoryAt(candidate: Resolved, index: number): Slot {
  const parameter = candidate.parameters[index];
  const declared = declaredAt(candidate, index);
  if (declared?.kind === 'foreign') return { category: declared.category, preferred: false };
  if (declared?.kind === 'polymorphic' || parameter === undefined) return { category: 'pseudo', preferred: false };
  return { category: category(parameter), preferred: isPreferred(parameter) };
}

function fitsSlot(candidate: Resolved, index: number, slot: Slot): boolean {
  const own = categoryAt(candidate, index);
  return own.category === slot.category && (!slot.preferred || own.preferred);
}

/** Applies the last rule: if all known arguments have one type, the unknown arguments are taken to have it too. */
function assumingKnown(candidates: readonly Resolved[], args: readonly SqlType[]): Resolved | undefined {
  const known = args.filter((arg) => !isUnknown(arg));
  const [first] = known;
  if (first === undefined || !known.every((arg) => sameType(arg, first))) return undefined;
  const same = args.map(() => first);
  const fitting = candidates.filter((candidate) => bind(candidate.routine, same) !== undefined);
  return fitting.length === 1 ? fitting[0] : undefined;
}
