import { useSignal } from '@preact/signals';
import type { TriedAnswer } from '../action-answers.ts';
import { send } from './acting.tsx';
import { changedLines } from './changed-lines.ts';
import { Bytes, Shown } from './parts.tsx';
import { isJson, prettyJson } from './pretty-json.ts';
import { counted } from './words.ts';

interface EditOf {
  /** The data as it came. */
  readonly text: string;
  /** The words on the button that tries the edited data. */
  readonly name: string;
  readonly path: string;
  bodyOf(data: string): object;
  /** Called with the data whenever it was edited. */
  edited?(data: string): void;
}

/** Lets somebody edit the data of an event, shows what has changed, and what a step makes of it. Nothing is stored. */
export function EditData({ text, name, path, bodyOf, edited }: EditOf) {
  const before = isJson(text) ? prettyJson(text) : text;
  const data = useSignal(before);
  const tried = useSignal<TriedAnswer | undefined>(undefined);
  const failed = useSignal('');
  const change = (value: string): void => {
    data.value = value;
    tried.value = undefined;
    failed.value = '';
    edited?.(value);
  };
  const attempt = async (): Promise<void> => {
    failed.value = '';
    try {
      tried.value = await send<TriedAnswer>(path, bodyOf(data.value));
    } catch (error) {
      tried.value = undefined;
      failed.value = (error as Error).message;
    }
  };
  const lines = changedLines(before, data.value);
  return (
    <div class="edit">
      <label>
        data
        <textarea
          rows={Math.min(24, before.split('\n').length + 1)}
          spellcheck={false}
          value={data.value}
          onInput={({ currentTarget }) => change(currentTarget.value)}
        />
      </label>
      {lines.length > 0 && (
        <pre class="difference">
          {lines.map(({ sign, line }, index) => (
            <div key={index} class={sign === '-' ? 'gone' : 'new'}>
              {sign} <Shown text={line} />
            </div>
          ))}
        </pre>
      )}
      <p>
        <button type="button" onClick={attempt}>
          {name}
        </button>
      </p>
      {failed.value !== '' && (
        <pre class="problem" role="alert">
          <Shown text={failed.value} />
        </pre>
      )}
      {tried.value !== undefined && <Tried answer={tried.value} />}
    </div>
  );
}

function Tried({ answer }: { readonly answer: TriedAnswer }) {
  if (answer.outcome === 'fits')
    return <p role="status">It fits the schema of the stream. The step itself was not run.</p>;
  if (answer.outcome === 'refused')
    return (
      <pre class="problem" role="alert">
        refused: <Shown text={answer.why} />
      </pre>
    );
  const { count, outputs } = answer;
  return (
    <div role="status">
      <p>
        {count === 0
          ? 'It is dropped: the step makes no event of it.'
          : `The step makes ${counted(count, 'event')} of it.`}{' '}
        Nothing was appended.
      </p>
      {outputs.map(({ type, key, data }, index) => (
        <Bytes key={index} name={`${type}, key ${key}`} {...data} />
      ))}
    </div>
  );
}
