import type { ComparableAnswer } from '../answers.ts';
import { useAnswer } from './asking.ts';
import { StreamLink, When } from './parts.tsx';
import { pathOf } from './router.ts';

/** Lists the sinks that can be compared with each other. */
export function ComparablePage() {
  const answer = useAnswer<ComparableAnswer>('/api/compare');
  return (
    <>
      <h1>Compare</h1>
      <When answer={answer.value}>
        {({ groups }) => (groups.length === 0 ? <NothingToCompare /> : <Groups groups={groups} />)}
      </When>
    </>
  );
}

function Groups({ groups }: ComparableAnswer) {
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>pipeline</th>
            <th>two sinks</th>
            <th>on the stream</th>
          </tr>
        </thead>
        <tbody>
          {groups.flatMap(({ pipeline, stream, sinks }) =>
            pairsOf(sinks).map(([a, b]) => (
              <tr key={`${pipeline} ${a} ${b}`}>
                <td>{pipeline}</td>
                <td>
                  <a data-row href={pathOf('compare', pipeline, a, b)}>
                    {a} and {b}
                  </a>
                </td>
                <td>
                  <StreamLink stream={stream} />
                </td>
              </tr>
            )),
          )}
        </tbody>
      </table>
    </div>
  );
}

function pairsOf(sinks: readonly string[]): readonly (readonly [string, string])[] {
  return sinks.flatMap((a, index) => sinks.slice(index + 1).map((b) => [a, b] as const));
}

function NothingToCompare() {
  return (
    <p>
      No stream here has two sinks whose rows can be read back. Add a second sink to a stream, with a destination of its
      own: docs/compare.md.
    </p>
  );
}
