/**
 * What follows from the kind of a step. The code asks this table and never compares kinds.
 *
 * `appendsBeforeCommit`: output can be appended before the position moves. So a batch in flight has to be sent once
 * more, under its old names, before the step pauses or goes back. A sink does not need that: its rows and its position
 * commit together, or a retry writes the same objects again.
 *
 * `fixesSlices`: `process` fixes a slice's range in the checkpoint before it writes the slice, because a retry has to
 * write the same objects. Such a slice is large, and it is not bisected. False for a scheduled sink: its own run fixes
 * its slices (scheduled.ts), and its rewind processes none.
 *
 * `mayGoBack`: its position is in a database that may be restored to an earlier state while its mapping goes on.
 *
 * `hasMapping`: an event source mapping continues where a rewind ends. A scheduled run continues by itself, and a
 * replay ends.
 */
const KINDS = {
  transform: { appendsBeforeCommit: true, fixesSlices: false, hasMapping: true, mayGoBack: false },
  'continuous sink': { appendsBeforeCommit: false, fixesSlices: false, hasMapping: true, mayGoBack: true },
  'scheduled sink': { appendsBeforeCommit: false, fixesSlices: false, hasMapping: false, mayGoBack: false },
  /** A replay of a sink that commits its progress together with its rows, or that takes few events at once. */
  'transactional replay': { appendsBeforeCommit: false, fixesSlices: false, hasMapping: false, mayGoBack: false },
  /** A replay of any other sink. */
  'replay by slices': { appendsBeforeCommit: false, fixesSlices: true, hasMapping: false, mayGoBack: false },
} as const;

export type StepKind = keyof typeof KINDS;

export function traitsOf({ kind }: { readonly kind: StepKind }): (typeof KINDS)[StepKind] {
  return KINDS[kind];
}
