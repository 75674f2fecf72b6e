import type { ReceivedEvent } from '../event.ts';

/**
 * A dead letter that is put back comes again at the end of the stream that its step reads, where other steps read too.
 * So the event names the one step that it is for. It is of a source of that step's own, a lane, whose sequences that
 * step deduplicates: appended again, it counts once.
 */
export function redriveSource(step: string, lane: string): string {
  return `/${step}/redrive/${lane}`;
}

/** What the sources of events for a step begin with, by all its names. */
export function redriveSources(names: readonly string[]): readonly string[] {
  return names.map((name) => redriveSource(name, ''));
}

/** Whether a step that is called so drops the event. */
export function isForAnother({ redrivenFor }: ReceivedEvent, names: readonly string[] | undefined): boolean {
  return names !== undefined && redrivenFor !== undefined && !names.includes(redrivenFor);
}
