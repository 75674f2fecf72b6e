import type { Checked } from '../plan/checked.ts';
import type { Plan } from '../plan/plan.ts';
import type { Windowing } from '../plan/window.ts';
import { emit } from './expression.ts';
import type { ModuleCode } from './module-code.ts';
import { expand } from './module-code.ts';
import { at } from './statement.ts';

/**
 * Returns the code of the windows' durations, in microseconds, and with SESSION the code that makes one state of two.
 */
export function windowCode(module: ModuleCode, plan: Plan, accumulators: readonly string[]): readonly string[] {
  const window = plan.grouping?.window;
  if (window === undefined) return [];
  const { kind, size, advance, grace, retention } = window;
  const micros = (millis: number): number => millis * 1000;
  return [
    `window: { kind: '${kind}', size: ${micros(size)}, advance: ${micros(advance)}, grace: ${micros(grace)}, retention: ${micros(retention)}, emit: '${window.emit}' },`,
    ...(kind === 'session' ? mergeCode(module, plan, accumulators) : []),
  ];
}

/** Returns the code of the time of a row. */
export function timeCode(
  module: ModuleCode,
  { time }: Pick<Windowing, 'time'>,
  direct: ReadonlyMap<Checked, string>,
): string {
  return direct.get(time) ?? `${expand(module, '{windows/window/windowTime}')}(${emit(module, time)})`;
}

/** Passes the arguments that are constants: topk needs its number. */
function mergeCode(module: ModuleCode, plan: Plan, accumulators: readonly string[]): readonly string[] {
  const { aggregates = [] } = plan.grouping ?? {};
  const lines = aggregates.map((call, i) => {
    const constants = call.args.map((arg) => (arg.kind === 'constant' ? emit(module, arg) : 'undefined'));
    const given = call.args.some((arg) => arg.kind === 'constant') ? constants.join(', ') : '';
    return `${at(plan, call)} const state${i + 1} = ${accumulators[i]}.merge(states[${i}], others[${i}], [${given}]);`;
  });
  return [
    'merge: (states, others, row) => {',
    ...lines,
    `return [${aggregates.map((_, i) => `state${i + 1}`).join(', ')}];`,
    '},',
  ];
}
