import type { QueryAnswer, TableAnswer } from '../answers.ts';
import { useAnswer } from './asking.ts';
import { CliLine, Facts, Shown, StreamLink, Time, When } from './parts.tsx';
import { go, pathOf, place } from './router.ts';
import { bytesText, counted, durationText, shellWord } from './words.ts';

/** Shows a table: how it stands, the answer to a statement, and where the history of a key is. */
export function TablePage({ pipeline, name }: { readonly pipeline: string; readonly name: string }) {
  const answer = useAnswer<TableAnswer>(`/api${pathOf('tables', pipeline, name)}`);
  const statement = place.value.query.get('statement') ?? `SELECT * FROM ${sqlName(name)} LIMIT 100`;
  return (
    <>
      <p class="trail">
        <a href="/tables">Tables</a> / {pipeline}
      </p>
      <h1>{name}</h1>
      <When answer={answer.value}>{(table) => <About table={table} />}</When>
      <h2>Ask</h2>
      <Ask statement={statement} />
      <Answer key={statement} pipeline={pipeline} statement={statement} />
    </>
  );
}

function About({ table }: { readonly table: TableAnswer }) {
  const { pipeline, name, key, from, changes, windows, deadLetters, rows, bytes, lagMillis, watermark, note } = table;
  return (
    <>
      <Facts
        facts={{
          step: <a href={pathOf('steps', pipeline, name)}>{`${pipeline}/${name}`}</a>,
          reads: <StreamLink stream={from} />,
          key: key.join(', '),
          rows: rows === undefined ? undefined : `about ${rows.toLocaleString('en-US')}`,
          size: bytes === undefined ? undefined : bytesText(bytes),
          waiting: lagMillis ? durationText(lagMillis) : undefined,
          watermark:
            watermark === undefined ? undefined : watermark === null ? 'no tick has come yet' : <Time at={watermark} />,
          'open windows': table.openWindows?.toLocaleString('en-US'),
          'shows windows':
            windows === undefined ? undefined : windows === 'final' ? 'when they have closed' : 'as they change',
          'late events': windows && deadLetters > 0 && (
            <a href={pathOf('dead-letters', pipeline, name)}>{`among ${counted(deadLetters, 'dead letter')}`}</a>
          ),
          'history of a key':
            changes === undefined ? undefined : (
              <>
                in the changes: <StreamLink stream={changes} />
              </>
            ),
        }}
      />
      {note !== undefined && (
        <p class="note">
          <Shown text={note} />
        </p>
      )}
    </>
  );
}

function Ask({ statement }: { readonly statement: string }) {
  const ask = (event: SubmitEvent): void => {
    event.preventDefault();
    const asked = String(new FormData(event.currentTarget as HTMLFormElement).get('statement'));
    go(`${place.value.path}?${new URLSearchParams({ statement: asked })}`);
  };
  return (
    <form class="search" onSubmit={ask}>
      <label class="grows">
        statement
        <input type="text" name="statement" defaultValue={statement} spellcheck={false} />
      </label>
      <button type="submit">ask</button>
    </form>
  );
}

const CUTS = {
  rows: 'There are more rows.',
  bytes: 'The answer was too large, and is cut.',
  time: 'The answer took too long, and is cut.',
};

function Answer({ pipeline, statement }: { readonly pipeline: string; readonly statement: string }) {
  const answer = useAnswer<QueryAnswer>(`/api/query?${new URLSearchParams({ pipeline, statement })}`);
  return (
    <>
      {answer.value.is === 'failed' ? (
        <pre class="problem" role="alert">
          <Shown text={answer.value.why} />
        </pre>
      ) : (
        <When answer={answer.value}>{(rows) => <Rows answer={rows} />}</When>
      )}
      <CliLine does="the same in a terminal" line={`query ${pipeline} ${shellWord(statement)}`} />
    </>
  );
}

function Rows({ answer: { columns, rows, cut } }: { readonly answer: QueryAnswer }) {
  if (rows.length === 0) return <p class="muted">There is no row.</p>;
  return (
    <>
      <div class="scroll">
        <table class="events">
          <thead>
            <tr>
              {columns.map((column, index) => (
                <th key={index}>
                  <Shown text={column} />
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, place) => (
              <tr key={place}>
                {row.map((value, index) => (
                  <td key={index}>{value === null ? <span class="muted">null</span> : <Shown text={value} />}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {cut !== undefined && <p class="muted">{CUTS[cut]}</p>}
    </>
  );
}

function sqlName(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name}"`;
}
