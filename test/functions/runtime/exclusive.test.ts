import { expect, test } from 'vitest';
import { openProcessLock } from '../../../functions/runtime/exclusive.ts';

/** Named pieces of work: the list of those that have begun, and a way to end each. */
function works() {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    begun,
    work: (name: string) => () => {
      begun.push(name);
      return new Promise<string>((resolve) => ends.set(name, () => resolve(name)));
    },
    async end(name: string) {
      ends.get(name)?.();
      await settled();
    },
  };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('shared work begins at once', async () => {
  const { shared } = openProcessLock();
  const { begun, work } = works();
  void shared(work('a'));
  void shared(work('b'));
  await settled();
  expect(begun).toEqual(['a', 'b']);
});

test('exclusive work waits for all earlier work, and later work waits for it', async () => {
  const { shared, exclusive } = openProcessLock();
  const { begun, work, end } = works();
  void shared(work('a'));
  void shared(work('b'));
  void exclusive(work('c'));
  void shared(work('d'));
  void exclusive(work('e'));
  await settled();
  await end('a');
  expect(begun).toEqual(['a', 'b']);
  await end('b');
  expect(begun).toEqual(['a', 'b', 'c']);
  await end('c');
  expect(begun).toEqual(['a', 'b', 'c', 'd']);
  await end('d');
  expect(begun).toEqual(['a', 'b', 'c', 'd', 'e']);
});

test('work that fails rejects for its caller and releases the lock', async () => {
  const { shared, exclusive } = openProcessLock();
  const failed = [
    exclusive(() => Promise.reject(new Error('one'))),
    shared(() => Promise.reject(new Error('two'))),
    exclusive(async () => 'three'),
  ];
  expect(await Promise.allSettled(failed)).toMatchObject([
    { reason: { message: 'one' } },
    { reason: { message: 'two' } },
    { value: 'three' },
  ]);
});
