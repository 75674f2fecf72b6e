import { expect, test } from 'vitest';
import { openCompany } from '../../../functions/runtime/exclusive.ts';

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

test('what is done beside each other begins at once', async () => {
  const { beside } = openCompany();
  const { begun, work } = works();
  void beside(work('a'));
  void beside(work('b'));
  await settled();
  expect(begun).toEqual(['a', 'b']);
});

test('what is to be alone waits for what was there before, and what comes after waits for it', async () => {
  const { beside, alone } = openCompany();
  const { begun, work, end } = works();
  void beside(work('a'));
  void beside(work('b'));
  void alone(work('c'));
  void beside(work('d'));
  void alone(work('e'));
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
  const { beside, alone } = openCompany();
  const failed = [
    alone(() => Promise.reject(new Error('one'))),
    beside(() => Promise.reject(new Error('two'))),
    alone(async () => 'three'),
  ];
  expect(await Promise.allSettled(failed)).toMatchObject([
    { reason: { message: 'one' } },
    { reason: { message: 'two' } },
    { value: 'three' },
  ]);
});
