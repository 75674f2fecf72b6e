import type { TablesAnswer } from '../answers.ts';
import { useAnswer } from './asking.ts';
import { Shown, When } from './parts.tsx';
import { pathOf } from './router.ts';
import { bytesText, durationText } from './words.ts';

/** Lists the tables of all pipelines. */
export function TablesPage() {
  const answer = useAnswer<TablesAnswer>('/api/tables');
  return (
    <>
      <h1>Tables</h1>
      <When answer={answer.value}>
        {({ tables }) => (tables.length === 0 ? <NoTables /> : <Tables tables={tables} />)}
      </When>
    </>
  );
}

function Tables({ tables }: TablesAnswer) {
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>table</th>
            <th class="number">rows, about</th>
            <th class="number">size</th>
            <th>waiting</th>
            <th class="wide">note</th>
          </tr>
        </thead>
        <tbody>
          {tables.map(({ pipeline, name, rows, bytes, lagMillis, note = '' }) => (
            <tr key={`${pipeline}/${name}`}>
              <td>
                <a data-row href={pathOf('tables', pipeline, name)}>
                  {pipeline}/{name}
                </a>
              </td>
              <td class="number">{rows?.toLocaleString('en-US') ?? '–'}</td>
              <td class="number">{bytes === undefined ? '–' : bytesText(bytes)}</td>
              <td>{lagMillis ? durationText(lagMillis) : '–'}</td>
              <td class="wide">
                <Shown text={note} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function NoTables() {
  return (
    <p>No pipeline here keeps a table. Add one in functions/tables/, and name it in a pipeline: docs/tables.md.</p>
  );
}
