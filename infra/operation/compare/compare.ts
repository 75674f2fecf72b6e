import { UserMistake } from '../../../functions/runtime/errors.ts';
import { type SinkPlan, type StepPlan, schemaOf } from '../../pipelines/plan.ts';
import { sameStream } from '../../pipelines/streams.ts';
import { streamTitle } from '../lineage/traced-event.ts';
import { statusOf } from '../status/statuses.ts';
import { findDifferences } from './classify.ts';
import type { CompareOptions } from './compare-options.ts';
import type { ComparedSink, Comparison, Side } from './comparison.ts';
import { type Form, formsOf, strongestForm } from './forms.ts';
import { type ComparedField, type MatchRow, matchingOf, openMatching } from './matching.ts';
import { isOvertaken } from './read-ahead.ts';
import { type KeptRow, openRowStore, type RowStore } from './row-store.ts';
import { loadStanding, type Standing, wasMoved } from './standing.ts';
import { COUNT_ROWS } from './statements.ts';
import type { OpenRows, Requests, SinkView, StoredRow } from './stored-rows.ts';
import { viewOf } from './views.ts';

/** Two steps of one pipeline. */
export interface Pair {
  readonly a: StepPlan;
  readonly b: StepPlan;
}

/**
 * Compares what two sinks on one stream have stored. Reads all of their rows, into a database on this machine's disk.
 *
 * The sinks go on meanwhile, and stand at different positions. So where they stood is looked up before their rows are
 * read, and a row that differs counts as waiting when an event behind the lower position is one of its events. When a
 * sink was moved back meanwhile, all is read again. Throws a `UserMistake` for sinks that cannot be compared.
 */
export async function compareSinks(pair: Pair, options: CompareOptions): Promise<Comparison> {
  const { target, signal } = options;
  const views = viewsOf(pair);
  const matching = matchingOf(views.a, views.b);
  await using store = await openRowStore();
  const forms = formsOf(schemaOf(views.a.step));
  const reading = { target, signal, duckdb: await store.connect(), folder: store.folder, forms };
  const opened = { a: await views.a.open(reading), b: await views.b.open(reading) };
  const { fields, notCompared } = fieldsOf(opened, forms);
  const match = openMatching(matching, fields);
  const filling: Filling = { views, opened, match, store, options };
  const { standings, unmatched } = await fillBoth(filling);
  const found = await findDifferences({
    store,
    views,
    match,
    standings,
    fields: fields.map(({ name }) => name),
    isListed: matching.by === 'columns' || matching.by === 'content',
    options,
  });
  const rows = await store.ask<{ readonly side: Side; readonly count: number }>(COUNT_ROWS);
  const sinkOf = async (side: Side): Promise<ComparedSink> => {
    const footprint = await opened[side].footprint();
    return {
      ...(await lagOf(views[side].step, options)),
      ...footprint,
      requests: [...footprint.requests, commitsOf(standings[side], views[side])],
      rows: rows.find((row) => row.side === side)?.count ?? 0,
    };
  };
  return {
    pipeline: views.a.step.pipeline,
    stream: streamTitle(views.a.step.input.stream),
    sinks: { a: await sinkOf('a'), b: await sinkOf('b') },
    matchedBy: matching.by,
    key: matching.by === 'columns' ? matching.columns : [],
    fields: fields.map(({ name }) => name),
    notCompared,
    counts: { ...found.counts, unmatched },
    differences: found.differences,
    notes: notesOf(views),
  };
}

type Both<T> = Readonly<Record<Side, T>>;

const SIDES: readonly Side[] = ['a', 'b'];

function viewsOf({ a, b }: Pair): Both<SinkView> {
  if (a.name === b.name) throw new UserMistake(`'${a.name}' is both sinks: name two`);
  const views = { a: viewOf(a), b: viewOf(b) };
  const [ofA, ofB] = [views.a.step.input.stream, views.b.step.input.stream];
  if (!sameStream(ofA, ofB))
    throw new UserMistake(
      `'${a.name}' reads ${streamTitle(ofA)} and '${b.name}' reads ${streamTitle(ofB)}: compare two sinks on one stream`,
    );
  return views;
}

/** Chooses what is compared: the fields that both sinks have. */
function fieldsOf(
  { a, b }: Both<OpenRows>,
  forms: ReadonlyMap<string, Form>,
): { readonly fields: readonly ComparedField[]; readonly notCompared: Comparison['notCompared'] } {
  const names = forms.size > 0 ? [...forms.keys()] : [...(a.fields ?? b.fields ?? [])];
  const has = ({ fields }: OpenRows, name: string): boolean => fields?.has(name) ?? true;
  // Before its first event, a sink has no table whose columns could be known.
  const isThere = ({ fields }: OpenRows): boolean => fields?.size !== 0;
  const both = names.filter((name) => [a, b].every((one) => has(one, name) || !isThere(one)));
  const all = new Set([...names, ...(a.fields ?? []), ...(b.fields ?? [])]);
  const notCompared = [...all]
    .filter((field) => !both.includes(field))
    .map(
      (field) =>
        ({ field, onlyIn: has(a, field) && (a.fields !== undefined || forms.has(field)) ? 'a' : 'b' }) as const,
    );
  const fields = both.map((name) => ({
    name,
    form: strongestForm(forms.get(name) ?? { kind: 'json' }, [a.forms.get(name), b.forms.get(name)]),
  }));
  return { fields, notCompared };
}

interface Filling {
  readonly views: Both<SinkView>;
  readonly opened: Both<OpenRows>;
  readonly match: MatchRow;
  readonly store: RowStore;
  readonly options: CompareOptions;
}

const MOST_TIMES = 5;

/** Reads the rows of both sinks, again where a sink was moved back meanwhile. */
async function fillBoth(filling: Filling): Promise<{ readonly standings: Both<Standing>; readonly unmatched: number }> {
  const { views, options } = filling;
  const { target, signal } = options;
  const look = async (): Promise<Both<Standing>> => ({
    a: await loadStanding(views.a.step, target, signal),
    b: await loadStanding(views.b.step, target, signal),
  });
  for (let times = 1; ; times += 1) {
    const standings = await look();
    let unmatched = 0;
    for (const side of SIDES) unmatched += await fill(side, filling);
    const after = await look();
    const moved = SIDES.find((side) => wasMoved(standings[side], after[side]));
    if (moved === undefined) return { standings, unmatched };
    if (times === MOST_TIMES)
      throw new UserMistake(
        `'${views[moved].step.name}' was moved back while its rows were read, ${MOST_TIMES} times in a row: compare when it stands still`,
      );
  }
}

/** Reads the rows of a sink, again where its files were merged meanwhile. Returns how many cannot be matched. */
async function fill(side: Side, filling: Filling): Promise<number> {
  const { views, opened, match, store, options } = filling;
  const { name } = views[side].step;
  const other = views[side === 'a' ? 'b' : 'a'];
  const removes = views[side].keeps === 'events' && other.removes;
  for (let times = 1; ; times += 1) {
    let [done, unmatched] = [0, 0];
    const kept = async function* (): AsyncGenerator<readonly KeptRow[]> {
      for await (const rows of opened[side].rows()) {
        options.signal.throwIfAborted();
        const matched = rows.flatMap((row) => {
          const { order, event } = row;
          const isRemoval = removes && event?.type?.endsWith('.deleted') === true;
          // The other sink keeps rows of events, and none of this one.
          if (isRemoval && other.keeps === 'events') return [];
          const { id, row: text } = match(row);
          if (id !== undefined) return [{ id, row: text, order, event, isRemoval, ...(removes ? unknownOf(row) : {}) }];
          unmatched += 1;
          return [];
        });
        done += rows.length;
        options.onProgress({ doing: 'reading rows', sink: name, done });
        yield matched;
      }
    };
    try {
      await store.fill(side, kept());
      return unmatched;
    } catch (error) {
      if (!isOvertaken(error) || times === MOST_TIMES) throw error;
    }
  }
}

/** Reads which fields an update of a row does not have, because the database did not log them. */
function unknownOf({ data }: StoredRow): Pick<KeptRow, 'unknown'> {
  const { unchanged } = Object(data) as { readonly unchanged?: unknown };
  return Array.isArray(unchanged) && unchanged.length > 0 ? { unknown: unchanged.map(String) } : {};
}

async function lagOf(
  step: SinkPlan,
  { target, signal }: CompareOptions,
): Promise<Pick<ComparedSink, 'name' | 'connector' | 'lagMillis' | 'eventsBehind' | 'andMore'>> {
  const shards = await statusOf(step, target, signal);
  return {
    name: step.name,
    connector: step.connector,
    lagMillis: Math.max(0, ...shards.map(({ lagMillis = 0 }) => lagMillis)),
    eventsBehind: shards.reduce((sum, { eventsBehind = 0 }) => sum + eventsBehind, 0),
    andMore: shards.some(({ andMore }) => andMore === true),
  };
}

function commitsOf({ commits }: Standing, { step }: SinkView): Requests {
  return { what: step.connector === 'postgres' ? 'transactions' : 'positions stored', count: commits };
}

function notesOf(views: Both<SinkView>): readonly string[] {
  const late = SIDES.map((side) => views[side].step).filter(({ input }) => input.start !== 'earliest');
  return late.map(
    ({ name, input: { start } }) =>
      `'${name}' starts at ${start instanceof Date ? start.toISOString() : start}: it has never had the events before that`,
  );
}
