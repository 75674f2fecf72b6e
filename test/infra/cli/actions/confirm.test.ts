import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { confirmed } from '../../../../infra/cli/actions/confirm.ts';

describe('a question on a terminal', () => {
  let typed: PassThrough;
  let shown: string;
  beforeEach(() => {
    typed = new PassThrough();
    shown = '';
    const screen = new PassThrough();
    screen.on('data', (text) => {
      shown += text;
    });
    vi.spyOn(process, 'stdin', 'get').mockReturnValue(Object.assign(typed, { isTTY: true }) as never);
    vi.spyOn(process, 'stderr', 'get').mockReturnValue(screen as never);
    vi.spyOn(console, 'error').mockImplementation((text) => void screen.write(`${text}\n`));
  });
  afterEach(() => vi.restoreAllMocks());

  const ask = (signal = new AbortController().signal) => confirmed('Move it?', { yes: false, signal });

  test.each([
    ['y\n', true],
    [' Yes \n', true],
    ['n\n', false],
    ['\n', false],
    ['yesterday\n', false],
  ])('that is answered %j', async (keys, isYes) => {
    const answer = ask();
    typed.write(keys);
    expect(await answer).toBe(isYes);
    expect(shown).toBe(`Move it? [y/N] ${isYes ? '' : 'nothing was done\n'}`);
  });

  test('of which the input ends is a no', async () => {
    const answer = ask();
    typed.end();
    expect(await answer).toBe(false);
  });

  test('that is interrupted rejects', async () => {
    const interrupted = new AbortController();
    const answer = ask(interrupted.signal);
    interrupted.abort(new Error('interrupted'));
    await expect(answer).rejects.toThrow();
  });

  test('is not asked when it is answered already, and not when nobody is there', async () => {
    const { signal } = new AbortController();
    expect(await confirmed('Move it?', { yes: true, signal })).toBe(true);
    Object.assign(typed, { isTTY: false });
    await expect(ask()).rejects.toThrow('Move it?\nnobody is there to answer: --yes does it without asking');
    expect(shown).toBe('');
  });
});
