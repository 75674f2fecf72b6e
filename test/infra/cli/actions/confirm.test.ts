import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { confirm } from '../../../../infra/cli/actions/confirm.ts';

describe('confirm', () => {
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

  const ask = (signal = new AbortController().signal) => confirm('Move it?', { yes: false, signal });

  test.each([
    ['y\n', true],
    [' Yes \n', true],
    ['n\n', false],
    ['\n', false],
    ['yesterday\n', false],
  ])('takes the answer %j as %s', async (keys, isYes) => {
    const answer = ask();
    typed.write(keys);
    expect(await answer).toBe(isYes);
    expect(shown).toBe(`Move it? [y/N] ${isYes ? '' : 'nothing was done\n'}`);
  });

  test('takes the end of the input as no', async () => {
    const answer = ask();
    typed.end();
    expect(await answer).toBe(false);
  });

  test('rejects when it is interrupted', async () => {
    const interrupted = new AbortController();
    const answer = ask(interrupted.signal);
    interrupted.abort(new Error('interrupted'));
    await expect(answer).rejects.toThrow();
  });

  test('asks nothing with --yes, and throws when standard input is no terminal', async () => {
    const { signal } = new AbortController();
    expect(await confirm('Move it?', { yes: true, signal })).toBe(true);
    Object.assign(typed, { isTTY: false });
    await expect(ask()).rejects.toThrow(
      'Move it?\nstandard input is not a terminal; use --yes to go ahead without a question',
    );
    expect(shown).toBe('');
  });
});
