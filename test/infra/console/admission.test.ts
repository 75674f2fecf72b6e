import { expect, test } from 'vitest';
import { admit, newToken } from '../../../infra/console/admission.ts';

const PORT = 4321;
const token = newToken();
const HOST = `127.0.0.1:${PORT}`;
const COOKIE = `millrace-console-${PORT}=${token}`;

function asked(headers: Record<string, string>, path = '/'): ReturnType<typeof admit> {
  return admit(new URL(`http://127.0.0.1${path}`), headers, { token, port: PORT });
}

test('admits a browser that has the cookie', () => {
  expect(asked({ host: HOST, cookie: `other=1; ${COOKIE}` })).toEqual({ outcome: 'admitted' });
  expect(
    asked({
      host: `localhost:${PORT}`,
      cookie: COOKIE,
      origin: `http://localhost:${PORT}`,
      'sec-fetch-site': 'same-origin',
    }),
  ).toEqual({ outcome: 'admitted' });
});

test('makes a cookie of the token in the URL, which scripts and other sites cannot use, and takes it off the URL', () => {
  expect(asked({ host: HOST, 'sec-fetch-site': 'none' }, `/steps/a/b?token=${token}&x=1`)).toEqual({
    outcome: 'cookie',
    cookie: `${COOKIE}; HttpOnly; SameSite=Strict; Path=/`,
    location: '/steps/a/b?x=1',
  });
});

test('never leads a browser to another site', () => {
  const admission = asked({ host: HOST }, `//evil.example/?token=${token}`);
  expect(admission).toMatchObject({ outcome: 'cookie', location: '/evil.example/' });
});

test.each([
  ['without a cookie', {}, 401],
  ['with the cookie of another run', { cookie: `millrace-console-${PORT}=${newToken()}` }, 401],
  ['with the cookie of another port', { cookie: `millrace-console-1=${token}` }, 401],
  ['with an empty cookie', { cookie: `millrace-console-${PORT}=` }, 401],
  ['for a name that a stranger has pointed here', { host: `evil.example:${PORT}`, cookie: COOKIE }, 403],
  ['for another port', { host: '127.0.0.1:80', cookie: COOKIE }, 403],
  ['of a page of another site', { origin: 'https://evil.example', cookie: COOKIE }, 403],
  ['of a page on another port', { origin: 'http://127.0.0.1:1', cookie: COOKIE }, 403],
  ['that a page of another site started', { 'sec-fetch-site': 'cross-site', cookie: COOKIE }, 403],
  ['that a page of this host on another port started', { 'sec-fetch-site': 'same-site', cookie: COOKIE }, 403],
])('refuses a request %s', (_, headers, status) => {
  expect(asked({ host: HOST, ...headers })).toMatchObject({ outcome: 'refused', status });
});

test('refuses the token of another run, also in the URL', () => {
  expect(asked({ host: HOST }, `/?token=${newToken()}`)).toMatchObject({ outcome: 'refused', status: 401 });
});
