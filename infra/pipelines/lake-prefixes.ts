import { UserMistake } from '../../functions/runtime/errors.ts';
import { connectors } from '../connectors.ts';
import type { Pipeline } from './pipeline.ts';

/**
 * Throws a `UserMistake` when a sink of the pipeline would write into the folder of another sink, of this or another
 * pipeline: readers of the folder would find the events of both, and two sinks of one stream give files the same names.
 */
export function checkPrefixes(pipeline: Pipeline, pipelines: readonly Pipeline[]): void {
  const all = pipelines.flatMap(prefixesOf);
  for (const one of prefixesOf(pipeline)) {
    const other = all.find(({ step, prefix }) => step !== one.step && overlap(prefix, one.prefix));
    if (other === undefined) continue;
    throw new UserMistake(
      `step '${one.step}': its prefix '${one.prefix}' and the prefix '${other.prefix}' of step '${other.step}' overlap in the lake: ` +
        'give each sink a folder that is not inside the folder of another one',
    );
  }
}

function prefixesOf({ name, sinks }: Pipeline): { readonly step: string; readonly prefix: string }[] {
  return Object.entries(sinks).flatMap(([sink, { write }]) => {
    const prefix = connectors[write.connector].prefixOf?.(write.options);
    return prefix === undefined ? [] : [{ step: `${name}/${sink}`, prefix }];
  });
}

function overlap(one: string, other: string): boolean {
  return `${one}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${one}/`);
}
