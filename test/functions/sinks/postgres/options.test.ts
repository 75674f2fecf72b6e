import { expect, test } from 'vitest';
import { postgresSink } from '../../../../functions/sinks/postgres/postgres.ts';

test.each<[what: string, options: object, says: string]>([
  [
    'a mirror without a key',
    { table: 't', mode: 'mirror' },
    'key: is missing: a mirror finds the row of a change by its',
  ],
  ['a misspelt option', { table: 't', kye: ['id'] }, 'Unrecognized key: "kye"'],
  ['a key without columns', { table: 't', key: [] }, 'key: names one column at least; leave it out to append'],
])('a pipeline that is run without the compiler is refused for %s', (...[, options, says]) => {
  expect(() => postgresSink(options as { table: string })).toThrow(`postgresSink cannot be used:\n  `);
  expect(() => postgresSink(options as { table: string })).toThrow(says);
});
