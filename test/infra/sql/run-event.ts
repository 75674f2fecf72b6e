import { EventRejected } from '../../../functions/runtime/errors.ts';
import { jsonFromText, jsonText } from '../../../functions/runtime/sql/json/json.ts';
import { createWriter } from '../../../functions/runtime/sql/json/json-writer.ts';
import { createRow } from '../../../functions/runtime/sql/row/row.ts';
import type { Statement } from '../../../functions/runtime/sql/sql-transform.ts';
import { runStatement } from '../../../functions/runtime/sql/sql-transform.ts';
import { statementOf } from '../../../infra/sql/emit/statement-of.ts';
import type { Plan } from '../../../infra/sql/plan/plan.ts';
import { lineRunner } from '../../../infra/sql/run/lines.ts';

/** An event's own attributes in every case of the differential test. */
export const ATTRIBUTES = {
  key: 'k-1',
  time: '2026-11-22T18:34:56.789Z',
  source: '/orders',
  id: 'id-1',
  type: 'placed',
};

export interface Made {
  /** The outputs as JSON, with the key and the time that each was given. */
  readonly outputs: readonly MadeOutput[];
  readonly rejected: string | undefined;
}

interface MadeOutput {
  readonly json: string;
  readonly key: string | undefined;
  readonly time: string | undefined;
}

/** Runs a plan on events one by one, as a transform does. */
export function eventRunner(plan: Plan): (event: string) => Made {
  const statement: Statement = statementOf(plan);
  const row = createRow(statement.columns);
  return (event) => {
    const outputs: MadeOutput[] = [];
    const writer = createWriter();
    const emit = (key: string | undefined, time?: string): void => {
      outputs.push({ json: writer.buffer.toString('utf8', 0, writer.length), key, time });
      writer.length = 0;
    };
    try {
      runStatement(statement, { row, event: ATTRIBUTES, bytes: Buffer.from(event), target: { writer, emit } });
      return { outputs, rejected: undefined };
    } catch (error) {
      if (error instanceof EventRejected) return { outputs: [], rejected: error.message };
      throw error;
    }
  };
}

/** The same event in a spelling that the scanner leaves to JSON.parse: a key that is empty. */
export const oddly = (event: string): string => event.replace('{', /^\s*\{\s*\}/.test(event) ? '{"" : 0' : '{"" : 0, ');

/** As files are run: many lines at once, stopping early where WHERE says no. */
export function linesOf(plan: Plan, events: readonly string[]): readonly Made[] {
  const made: Made[] = [];
  const run = lineRunner(plan);
  for (const event of events) {
    // Another event follows, to show a scan that runs into the next line.
    const { output, rejections } = run(Buffer.from(`${event}\n\n`));
    const lines = output.toString('utf8').split('\n').slice(0, -1);
    made.push({
      outputs: lines.map((json) => ({ json, key: undefined, time: undefined })),
      rejected: rejections[0]?.reason,
    });
  }
  return made;
}

/** What outputs mean, however they are spelled. */
export const meaningOf = ({ outputs, rejected }: Made): string =>
  rejected === undefined ? outputs.map(({ json }) => jsonText(jsonFromText(json))).join('\n') : 'rejected';
