import { differencesOfChanges } from '../../pipelines/changes-compared.ts';
import { differencesOfReaders, differencesOfSums } from '../../pipelines/rebuild-schedule.ts';
import { differences } from '../differences.ts';
import { madeValues, type Numbered, type RemadeRun } from './pipeline.ts';

/** What the events of the pulled source are named by, whatever code made them. */
const MADE = '/remade/numbers/';

/**
 * Compares the events of the pulled source with what it makes, and the table, its changes and their reader with what
 * the last code makes of all events. Returns a line for each violation.
 */
export function violationsOfRemade(run: RemadeRun, factor: number): readonly string[] {
  const events = run
    .stream('raw')
    .events()
    .filter(({ redrivenFor }) => redrivenFor === undefined);
  const made = events.filter(({ source }) => source.startsWith(MADE)).map(({ data }) => data);
  return [
    ...differences('values of the pulled source', made, madeValues()),
    ...differencesOfSums(
      run,
      events.map(({ data }) => data as Numbered),
      factor,
    ),
    ...differencesOfChanges(run, 'sums', 'changes'),
    ...differencesOfReaders(run),
  ];
}
