import { type Signal, useSignal, useSignalEffect } from '@preact/signals';
import { useEffect } from 'preact/hooks';

/** An answer of the server: on its way, there, or why not. */
export type Answered<T> =
  | { readonly is: 'asking' }
  | { readonly is: 'there'; readonly value: T }
  | { readonly is: 'failed'; readonly why: string };

/** Asks the server for JSON. Rejects with an error that has the server's words. */
export async function ask<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await fetch(path, signal === undefined ? {} : { signal }).catch((error: Error) => {
    throw signal?.aborted ? error : new Error('the console has ended: start it again, and open the address it prints');
  });
  if (!response.ok) throw new Error((await response.text()).trim());
  return (await response.json()) as T;
}

/** Asks when the component appears, when the path changes, and every so often. Keeps the last answer meanwhile. */
export function useAnswer<T>(path: string, everyMillis?: number): Signal<Answered<T>> {
  const answered = useSignal<Answered<T>>({ is: 'asking' });
  useEffect(() => {
    const gone = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    answered.value = { is: 'asking' };
    const askAgain = async (): Promise<void> => {
      try {
        if (!document.hidden || answered.value.is === 'asking')
          answered.value = { is: 'there', value: await ask<T>(path, gone.signal) };
      } catch (error) {
        if (gone.signal.aborted) return;
        answered.value = { is: 'failed', why: (error as Error).message };
      }
      if (everyMillis !== undefined && !gone.signal.aborted) timer = setTimeout(askAgain, everyMillis);
    };
    void askAgain();
    return () => {
      gone.abort();
      clearTimeout(timer);
    };
  }, [path, everyMillis]);
  return answered;
}

/**
 * Listens to messages of the server for as long as the component is shown and the page can be seen: a browser allows
 * few connections to one server, and hidden pages would use them up.
 */
export function useMessages<T>(path: Signal<string | undefined>, take: (message: T) => void): void {
  useSignalEffect(() => {
    const asked = path.value;
    if (asked === undefined) return;
    let source: EventSource | undefined;
    const follow = (): void => {
      source?.close();
      source = undefined;
      if (document.hidden) return;
      source = new EventSource(asked);
      source.addEventListener('message', ({ data }: MessageEvent<string>) => take(JSON.parse(data) as T));
    };
    follow();
    document.addEventListener('visibilitychange', follow);
    return () => {
      document.removeEventListener('visibilitychange', follow);
      source?.close();
    };
  });
}
