import { describe, expect, test } from 'vitest';
import { seededRandom } from '../infra/emulator/mapping/seeded-random.ts';
import { type FaultRule, faultKinds, openFaults } from '../kit/faults.ts';

const SITE = 'cleaning kinesis.PutRecords';

describe('faults', () => {
  test.each<[string, FaultRule, readonly (string | undefined)[]]>([
    ['the next call', { site: SITE, kind: 'throttled' }, ['throttled', undefined, undefined]],
    ['as many as are asked for', { site: SITE, kind: 'throttled', times: 2 }, ['throttled', 'throttled', undefined]],
    ['not those before', { site: SITE, kind: 'reply lost', after: 1 }, [undefined, 'reply lost', undefined]],
    ['any call of a step', { site: 'cleaning', kind: 'request lost' }, ['request lost', undefined, undefined]],
    ['any call to a service', { site: 'cleaning kinesis', kind: 'throttled' }, ['throttled', undefined, undefined]],
    ['no other step', { site: 'clean', kind: 'throttled' }, [undefined, undefined, undefined]],
    [
      'no other operation',
      { site: 'cleaning kinesis.PutRecord', kind: 'throttled' },
      [undefined, undefined, undefined],
    ],
  ])('happen to %s', (_, rule, expected) => {
    const faults = openFaults();
    faults.add(rule);
    expect(expected.map(() => faults.next(SITE))).toEqual(expected);
  });

  test('end when their rule is removed', () => {
    const faults = openFaults();
    const takeBack = faults.add({ site: SITE, kind: 'throttled', times: Number.POSITIVE_INFINITY });
    expect(faults.next(SITE)).toBe('throttled');
    takeBack();
    expect(faults.next(SITE)).toBeUndefined();
  });

  test('that were random happen again in the same way as rules', () => {
    const sites = Array.from({ length: 200 }, (_, index) => `step-${index % 3} s3.PutObject`);
    const first = openFaults();
    first.addRandom({ kinds: faultKinds, probability: 0.2, most: 12, random: seededRandom(7) });
    const happened = sites.map((site) => first.next(site));
    expect(first.happened()).toHaveLength(12);
    const again = openFaults();
    for (const { site, kind, call } of first.happened()) again.add({ site, kind, after: call - 1 });
    expect(sites.map((site) => again.next(site))).toEqual(happened);
  });

  test('count the calls at each site', () => {
    const faults = openFaults();
    for (const site of [SITE, SITE, 'cleaning dynamodb.GetItem']) faults.next(site);
    expect([...faults.calls()]).toEqual([
      [SITE, 2],
      ['cleaning dynamodb.GetItem', 1],
    ]);
  });
});
