import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import type { DoneAnswer } from '../action-answers.ts';
import { topology } from './live-steps.ts';
import { CliLine, Shown } from './parts.tsx';

/** Sends a request that may change something. Rejects with an error that has the server's words. */
export async function send<T>(path: string, body: object): Promise<T> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) }).catch(() => {
    throw new Error('the console has ended: start it again, and open the address it prints');
  });
  if (!response.ok) throw new Error((await response.text()).trim());
  return (await response.json()) as T;
}

/** True in a console that was started with --write. */
export function mayWrite(): boolean {
  return topology.value?.writes === true;
}

type State = { readonly is: 'idle' | 'asking' | 'working' } | { readonly is: 'done' | 'failed'; readonly said: string };

interface ActOf {
  /** The words on the button. */
  readonly name: string;
  /** What it does, beside the command line that does the same. */
  readonly does: string;
  readonly line: string;
  /** What to know before it is done. */
  readonly warns?: ComponentChildren;
  readonly path: string;
  readonly body: object;
  readonly isOff?: boolean;
  done?(): void;
}

/** A command line and, in a console that may write, a button that does the same. The button asks once. */
export function Act({ name, does, line, warns, path, body, isOff = false, done }: ActOf) {
  const state = useSignal<State>({ is: 'idle' });
  if (!mayWrite()) return <CliLine does={does} line={line} />;
  const act = async (): Promise<void> => {
    state.value = { is: 'working' };
    try {
      state.value = { is: 'done', said: (await send<DoneAnswer>(path, body)).said };
      done?.();
    } catch (error) {
      state.value = { is: 'failed', said: (error as Error).message };
    }
  };
  const { value } = state;
  return (
    <div class="act">
      <div class="act-line">
        <button
          type="button"
          disabled={isOff || value.is === 'working' || value.is === 'asking'}
          onClick={() => (state.value = { is: 'asking' })}
        >
          {name}
        </button>
        <CliLine does={does} line={line} />
      </div>
      {value.is === 'asking' && (
        <div class="asks" role="alertdialog" aria-label={name}>
          {warns}
          <button type="button" class="yes" ref={(button) => button?.focus()} onClick={act}>
            yes, {name}
          </button>{' '}
          <button type="button" onClick={() => (state.value = { is: 'idle' })}>
            no
          </button>
        </div>
      )}
      {value.is === 'working' && (
        <p class="muted" role="status">
          Working … It goes on when you leave the page.
        </p>
      )}
      {'said' in value && (
        <p class={value.is === 'failed' ? 'problem' : 'note'} role={value.is === 'failed' ? 'alert' : 'status'}>
          <Shown text={value.said} />
        </p>
      )}
    </div>
  );
}
