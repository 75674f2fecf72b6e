import type { Command } from '../command.ts';

/**
 * Takes `sensors/cleaning`, as reports name a step or a stream, for `sensors cleaning`, where a command wants a
 * pipeline and what is in it.
 */
export function splitStep({ usage }: Pick<Command, 'usage'>, positionals: readonly string[]): readonly string[] {
  const [first = '', ...others] = positionals;
  if (!/^<pipeline> [<[]/.test(usage) || !/^[^/\s]+\/[^/\s]+$/.test(first)) return positionals;
  return [...first.split('/'), ...others];
}
