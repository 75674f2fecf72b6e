import { describe, expect, test } from 'vitest';
import type { PolicyStatement } from './identity.ts';
import { eachLess } from './less-policy.ts';

const READS: PolicyStatement = { Sid: 'Reads', Effect: 'Allow', Action: ['k:Get', 'k:List'], Resource: 'stream' };
const KEEPS: PolicyStatement = { Sid: 'Keeps', Effect: 'Allow', Action: 'd:Get', Resource: ['table'] };
const SEES: PolicyStatement = { Sid: 'Sees', Effect: 'Allow', Action: ['d:Get'], Resource: ['table'] };
const DENIES: PolicyStatement = { Sid: 'Denies', Effect: 'Deny', Action: 'e:Create', Resource: '*' };

const Version = '2012-10-17';
const sidsOf = (statements: readonly PolicyStatement[] = []) =>
  statements.flatMap(({ Sid, Action }) => [Action].flat().map((action) => `${Sid} ${action}`));

describe('a policy', () => {
  test('is returned without each action that it allows, one at a time', () => {
    const found = eachLess({ Version, Statement: [READS, KEEPS, DENIES] });
    expect(found.map(({ statement, action, rest }) => [statement, action, sidsOf(rest.Statement).slice(1)])).toEqual([
      ['Reads', 'k:Get', ['Reads k:List', 'Keeps d:Get', 'Denies e:Create']],
      ['Reads', 'k:List', ['Reads k:Get', 'Keeps d:Get', 'Denies e:Create']],
      ['Keeps', 'd:Get', ['Reads k:Get', 'Reads k:List', 'Denies e:Create']],
    ]);
  });

  test('always allows something, because IAM rejects a policy without statements', () => {
    const [only] = eachLess({ Version, Statement: [KEEPS] });
    expect(sidsOf(only?.rest.Statement)).toEqual(['Nothing sts:GetCallerIdentity']);
  });

  test('is also returned without all statements that allow one action on one resource', () => {
    const found = eachLess({ Version, Statement: [READS, KEEPS, SEES] });
    expect(found.map(({ unlike }) => unlike && sidsOf(unlike.Statement).slice(1))).toEqual([
      undefined,
      undefined,
      ['Reads k:Get', 'Reads k:List'],
      ['Reads k:Get', 'Reads k:List'],
    ]);
  });
});
