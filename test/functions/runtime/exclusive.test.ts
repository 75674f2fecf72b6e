import { expect, test } from 'vitest';
import { openProcessLock } from '../../../functions/runtime/exclusive.ts';

/** Work that ends when it is told to, and what of it has begun. */
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

test('what is done shared each other begins at once', async () => {
  const { shared } = openProcessLock();
  const { begun, work } = works();
  void shared(work('a'));
  void shared(work('b'));
  await settled();
  expect(begun).toEqual(['a', 'b']);
});

test('what is to be exclusive waits for what was there before, and what comes after waits for it', async () => {
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

test('what fails is over, and fails for those who asked for it', async () => {
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
