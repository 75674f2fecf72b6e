import type { z } from 'zod';
import type { Join } from '../../functions/runtime/join.ts';
import type { DeclaredField } from '../../functions/runtime/json/declared-fields.ts';
import type { Sink } from '../../functions/runtime/sink.ts';
import type { Source, SplitSource } from '../../functions/runtime/source.ts';
import type { Table } from '../../functions/runtime/table.ts';
import type { Transform } from '../../functions/runtime/transform.ts';
import type { SinkName, SourceName } from '../connectors.ts';
import type { InlineSql } from './inline-sql.ts';
import type {
  Connected,
  Duration,
  JoinStep,
  SinkStep,
  SourceStep,
  TableStep,
  TransformStep,
  WrittenFor,
} from './steps.ts';

/**
 * The types that the steps of a pipeline must have, so that a step does not compile when it names a stream that is not
 * there, or does not fit its stream. A union of all possible steps would do the same, but the compiler explains in a
 * dozen lines why a step fits none of them. These types look at the step `T` that is written. Where the step is wrong,
 * the type of one of its properties is a text, and the compiler shows this text.
 */
export type CheckedSources<S extends Schemas, Steps> = {
  readonly [N in keyof Steps]: InferredFrom<Steps[N], CheckedSource<S, Steps[N]>>;
};
export type CheckedTransforms<S extends Schemas, Steps> = {
  readonly [N in keyof Steps]: InferredFrom<Steps[N], CheckedTransform<S, Steps[N]>>;
};
export type CheckedTables<S extends Schemas, Steps> = {
  readonly [N in keyof Steps]: InferredFrom<Steps[N], CheckedTable<S, Steps[N]>>;
};
export type CheckedJoins<S extends Schemas, Steps> = {
  readonly [N in keyof Steps]: InferredFrom<Steps[N], CheckedJoin<S, Steps[N]>>;
};
export type CheckedSinks<S extends Schemas, Steps> = {
  readonly [N in keyof Steps]: InferredFrom<Steps[N], CheckedSink<S, Steps[N]>>;
};

/** Always `Checked`. The branch that is never taken lets the compiler infer `T` from what is written. */
type InferredFrom<T, Checked> = [T] extends [never] ? T : Checked;

type CheckedSource<S extends Schemas, T> = T extends { readonly read: infer Read; readonly to: infer To }
  ? To extends keyof S & string
    ? SourceStep<Readable<Wire<S, To>, To, Read>, To>
    : To extends string
      ? SourceStep<unknown, { [Name in keyof S & string]: Name }[keyof S & string]>
      : Read extends SplitSource<infer Outputs> & Connected<SourceName>
        ? SourceStep<Read, SplitInto<S, Outputs, To>>
        : SourceStep<SplitSource<unknown> & Connected<SourceName>, unknown>
  : SourceStep<unknown, string>;

/** The stream of each output if it takes the data of that output; otherwise a text that says why not. */
type SplitInto<S extends Schemas, Outputs, To> = {
  readonly [N in keyof Outputs & string]: N extends keyof To
    ? To[N] extends keyof S & string
      ? Outputs[N] extends Wire<S, To[N]>
        ? To[N]
        : Unfit<
            [
              `its events do not have the field '`,
              Misfit<Outputs[N], Wire<S, To[N]>>,
              `' as stream '${To[N]}' declares it`,
            ],
            To[N]
          >
      : { [Name in keyof S & string]: Name }[keyof S & string]
    : { [Name in keyof S & string]: Name }[keyof S & string];
};

type CheckedTransform<S extends Schemas, T> = T extends {
  readonly from: infer From;
  readonly apply: infer Apply;
  readonly to: infer To;
}
  ? From extends keyof S & string
    ? To extends keyof S & string
      ? TransformStep<From, Applicable<Between<From, To, Wire<S, From>, Wire<S, To>>, Apply>, To>
      : TransformStep<From, unknown, { [Name in keyof S & string]: Name }[keyof S & string]>
    : TransformStep<{ [Name in keyof S & string]: Name }[keyof S & string], unknown, string>
  : TransformStep<string, unknown, string>;

type CheckedTable<S extends Schemas, T> = T extends { readonly from: infer From; readonly keep: infer Keep }
  ? From extends keyof S & string
    ? TableStep<From, Keepable<Wire<S, From>, From, Keep>, CheckedChanges<S, Keep, T>>
    : TableStep<{ [Name in keyof S & string]: Name }[keyof S & string], unknown, unknown>
  : TableStep<string, unknown, unknown>;

/** What `changes` of a table has to be. */
type CheckedChanges<S extends Schemas, Keep, T> = T extends { readonly changes: infer Changes }
  ? Changes extends { readonly to: infer To }
    ? {
        readonly to: TakesRows<
          S,
          To,
          Changes extends { readonly before: true } ? WithBefore<RowOf<Keep>> : RowOf<Keep>
        >;
        readonly before?: true;
      }
    : TakesRows<S, Changes, RowOf<Keep>>
  : unknown;

type RowOf<Keep> = Keep extends { readonly row: z.ZodType<unknown, infer Row> } ? Row : unknown;

/** The data of a change that has the row as it was. */
type WithBefore<Row> = Row & { readonly before: Row | null };

/** The stream's name if it takes the rows; otherwise a text that says why not. */
type TakesRows<S extends Schemas, To, Row> = To extends keyof S & string
  ? unknown extends Row
    ? To
    : Row extends Wire<S, To>
      ? To
      : Unfit<[`its changes do not have the field '`, Misfit<Row, Wire<S, To>>, `' as stream '${To}' declares it`], To>
  : { [Name in keyof S & string]: Name }[keyof S & string];

type CheckedJoin<S extends Schemas, T> = T extends {
  readonly from: infer From;
  readonly apply: infer Apply;
  readonly to: infer To;
}
  ? Apply extends { readonly inputs: infer Inputs; readonly to: infer Made }
    ? To extends keyof S & string
      ? JoinStep<JoinedFrom<S, From, Inputs>, Joinable<S, Apply, Made, To>, To>
      : JoinStep<unknown, unknown, { [Name in keyof S & string]: Name }[keyof S & string]>
    : CheckedTableJoin<S, From, Apply, T>
  : T extends { readonly from: infer From; readonly apply: infer Apply }
    ? CheckedTableJoin<S, From, Apply, T>
    : Required<Pick<JoinStep<Readonly<Record<string, string>>, Join, string>, 'from' | 'apply' | 'to'>>;

/** A join of two tables: its stream, if it has one, gets the changes of its rows. */
type CheckedTableJoin<S extends Schemas, From, Apply, T> = Apply extends {
  readonly inputs: infer Inputs;
  readonly makesTable: true;
}
  ? JoinStep<
      JoinedFrom<S, From, Inputs>,
      Apply,
      T extends { readonly to: infer To } ? TakesRows<S, To, RowOf<Apply>> : never
    >
  : Required<Pick<JoinStep<unknown, Join, string>, 'from' | 'apply' | 'to'>>;

/** The stream of each input if it has what the join reads; otherwise a text that says what it lacks. */
type JoinedFrom<S extends Schemas, From, Inputs> = {
  readonly [N in keyof Inputs & string]: N extends keyof From
    ? From[N] extends keyof S & string
      ? Wire<S, From[N]> extends WireOf<Inputs[N]>
        ? From[N]
        : Unfit<
            [
              `stream '${From[N]}' does not have the field '`,
              Misfit<Wire<S, From[N]>, WireOf<Inputs[N]>>,
              `' as the join reads it`,
            ],
            From[N]
          >
      : { [Name in keyof S & string]: Name }[keyof S & string]
    : { [Name in keyof S & string]: Name }[keyof S & string];
};

/** The join if its outputs fit the stream, and if its SQL names that stream; otherwise a text that says why not. */
type Joinable<S extends Schemas, Apply, Made, To extends keyof S & string> = Apply extends {
  readonly streams: { readonly to: infer Named extends string };
}
  ? [Named] extends [To]
    ? JoinableOutput<S, Apply, Made, To>
    : `its SQL says CREATE STREAM ${Named}, but the join writes stream '${To}'`
  : JoinableOutput<S, Apply, Made, To>;

type JoinableOutput<S extends Schemas, Apply, Made, To extends keyof S & string> =
  WireOf<Made> extends Wire<S, To>
    ? Apply
    : Unfit<
        [`its outputs do not have the field '`, Misfit<WireOf<Made>, Wire<S, To>>, `' as stream '${To}' declares it`],
        Apply
      >;

type WireOf<Schema> = Schema extends z.ZodType ? z.input<Schema> : never;

type CheckedSink<S extends Schemas, T> = T extends { readonly from: infer From; readonly write: infer Write }
  ? From extends keyof S & string
    ? Write extends { readonly delivery: 'scheduled' }
      ? T extends { readonly every: unknown }
        ? SinkStep<From, Writable<Wire<S, From>, From, Write>>
        : ScheduledSinkStep
      : SinkStep<From, Writable<Wire<S, From>, From, Write>>
    : SinkStep<{ [Name in keyof S & string]: Name }[keyof S & string], unknown>
  : SinkStep<string, unknown>;

/** The step of a sink that takes large slices only. */
interface ScheduledSinkStep extends SinkStep<string, unknown> {
  readonly every: Duration;
}

/** Streams by name, as far as steps have to fit them. */
type Schemas = Readonly<Record<string, { readonly schema: z.ZodType }>>;

/** What travels as JSON in a stream. */
type Wire<S extends Schemas, Name extends keyof S> = z.input<S[Name]['schema']>;

/** The source if it fits its stream; otherwise a text that says why not. */
type Readable<Data, To extends string, Read> = Read extends Source<Data> & Connected<SourceName>
  ? Read
  : Read extends Source<infer Made> & Connected<infer Name>
    ? Name extends SourceName
      ? Unfit<
          [`its events do not have the field '`, Misfit<Made, Data>, `' as stream '${To}' declares it`],
          Source<Data> & Connected<SourceName>
        >
      : `infra/connectors.ts has no source '${Name}'`
    : Source<Data> & Connected<SourceName>;

interface Between<From extends string, To extends string, In, Out> {
  readonly from: From;
  readonly to: To;
  readonly in: In;
  readonly out: Out;
}
type AnyStreams = Between<string, string, unknown, unknown>;

/** The transform if it fits the streams `B`; otherwise a text that says why not. */
type Applicable<B extends AnyStreams, Apply> = Apply extends InlineSql
  ? InlineSql
  : Apply extends Transform<B['in'], B['out']> & WrittenFor<B['from'], B['to']>
    ? Apply
    : Apply extends { readonly streams: { readonly from: infer From extends string } }
      ? [From] extends [B['from']]
        ? ApplicableSql<B, Apply>
        : `its SQL says FROM ${From}, but the step reads stream '${B['from']}'`
      : ApplicableCode<B, Apply>;

type ApplicableSql<B extends AnyStreams, Apply> = Apply extends {
  readonly streams: { readonly to: infer To extends string };
}
  ? [To] extends [B['to']]
    ? ApplicableCode<B, Apply>
    : `its SQL says CREATE STREAM ${To}, but the step writes stream '${B['to']}'`
  : ApplicableCode<B, Apply>;

type ApplicableCode<B extends AnyStreams, Apply> =
  Apply extends Transform<infer Read, infer Made>
    ? Unfit<
        [`stream '${B['from']}' does not have the field '`, Misfit<B['in'], Read>, `' as the transform reads it`],
        Unfit<
          [`its outputs do not have the field '`, Misfit<Made, B['out']>, `' as stream '${B['to']}' declares it`],
          Transform<B['in'], B['out']>
        >
      >
    : Transform<B['in'], B['out']>;

/**
 * The table if it fits its stream; otherwise a text that says why not. The key of a SQL table are columns of its own.
 */
type Keepable<Data, From extends string, Keep> = Keep extends {
  readonly streams: { readonly from: infer Named extends string };
}
  ? [Named] extends [From]
    ? KeepableData<Data, From, Keep>
    : `its SQL says FROM ${Named}, but the step reads stream '${From}'`
  : KeepableCode<Data, From, Keep>;

type KeepableCode<Data, From extends string, Keep> = Keep extends {
  readonly key: readonly (infer Field extends string)[];
}
  ? Unfit<
      [`stream '${From}' declares no field '`, Exclude<Field, DeclaredField<Data>>, `'`],
      KeepableData<Data, From, Keep>
    >
  : Table<Data>;

type KeepableData<Data, From extends string, Keep> =
  Keep extends Table<Data>
    ? Keep
    : Keep extends Table<infer Read>
      ? Unfit<
          [`stream '${From}' does not have the field '`, Misfit<Data, Read>, `' as the table reads it`],
          Table<Data>
        >
      : Table<Data>;

/** The sink if it fits its stream; otherwise a text that says why not. */
type Writable<Data, From extends string, Write> = Write extends {
  readonly fields?: readonly (infer Field extends string)[];
}
  ? Unfit<
      [`stream '${From}' declares no field '`, Exclude<Field, DeclaredField<Data>>, `'`],
      WritableData<Data, From, Write>
    >
  : WritableData<Data, From, Write>;

type WritableData<Data, From extends string, Write> = Write extends AnySink<Data> & Connected<SinkName>
  ? Write
  : Write extends AnySink<infer Read> & Connected<infer Name>
    ? Name extends SinkName
      ? Unfit<
          [`stream '${From}' does not have the field '`, Misfit<Data, Read>, `' as the sink reads it`],
          Sink<Data> & Connected<SinkName>
        >
      : `infra/connectors.ts has no sink '${Name}'`
    : Sink<Data> & Connected<SinkName>;

type AnySink<Data> = Sink<Data, 'either' | 'scheduled', string>;

/** The names of the fields that `Wanted` needs and that `Made` lacks or has with another type. */
type Misfit<Made, Wanted> = {
  [Field in keyof Wanted & string]-?: Field extends keyof Made
    ? Pick<Made, Field> extends Pick<Wanted, Field>
      ? never
      : Field
    : Record<never, never> extends Pick<Wanted, Field>
      ? never
      : Field;
}[keyof Wanted & string];

/** The text about a field that does not fit. Without such a field, `Otherwise`. */
type Unfit<Text extends readonly [before: string, field: string, after: string], Otherwise> = [Text[1]] extends [never]
  ? Otherwise
  : `${Text[0]}${Text[1]}${Text[2]}`;
