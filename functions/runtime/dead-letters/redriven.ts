import type { ReceivedEvent } from '../event.ts';

/**
 * Returns the source of the events that are put back through a lane of redriving. A dead letter that is put back comes
 * again at the end of the stream that its step reads, and other steps read that stream too. So the event names the one
 * step that it is for. Its source is one of that step's own, whose sequences the step deduplicates: appended again, it
 * counts once.
 */
export function redriveSource(step: string, lane: string): string {
  return `/${step}/redrive/${lane}`;
}

/** Returns the prefixes of the sources of such events for a step, one for each of its names. */
export function redriveSources(names: readonly string[]): readonly string[] {
  return names.map((name) => redriveSource(name, ''));
}

/** Says where the original of an event that is put back was refused, and which version it had, if it had one. */
export function redriveOrigin(shard: string, at: string, version?: string): string {
  return version === undefined ? `${shard}/${at}` : `${shard}/${at}#${version}`;
}

/** Returns the digits of the version in what `redriveOrigin` says. Undefined: the original had none. */
export function redriveVersion(redrivenFrom: string): string | undefined {
  return /#(\d{1,19})$/.exec(redrivenFrom)?.[1];
}

/** Returns true when a step with these names drops the event. */
export function isForAnother({ redrivenFor }: ReceivedEvent, names: readonly string[] | undefined): boolean {
  return names !== undefined && redrivenFor !== undefined && !names.includes(redrivenFor);
}
