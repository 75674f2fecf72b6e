import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  latestRow,
  loadVersions,
  saveVersions,
  type Versions,
  versionAt,
  withVersion,
} from '../../../../../functions/runtime/sql/joins/versions.ts';

const SECOND = 1_000_000n;
const KEPT = 10_000;

const version = fc.record({
  at: fc.integer({ min: 0, max: 60 }),
  row: fc.option(fc.constantFrom('{"n":1.0}', '{"n":"é"}', '{}')),
});

test('the version of a time is the latest one before it, in whatever order the versions come and however often they are stored', () => {
  fc.assert(
    fc.property(fc.array(version, { minLength: 1, maxLength: 12 }), fc.integer({ min: 0, max: 70 }), (given, at) => {
      let versions: Versions | undefined;
      const kept = new Map<number, string | undefined>();
      let [latest, since] = [0, -1];
      for (const one of given) {
        const row = one.row ?? undefined;
        if (one.at < since) {
          expect(() => withVersion(versions, { micros: BigInt(one.at) * SECOND, row }, KEPT)).toThrow('kept from');
          continue;
        }
        versions = loadVersions(saveVersions(withVersion(versions, { micros: BigInt(one.at) * SECOND, row }, KEPT)));
        kept.set(one.at, row);
        latest = Math.max(latest, one.at);
        const base = Math.max(...[...kept.keys()].filter((time) => time <= latest - KEPT / 1_000), -1);
        if ([...kept.keys()].some((time) => time < base)) since = Math.max(since, base);
        for (const time of [...kept.keys()]) if (time < since) kept.delete(time);
      }
      expect(latestRow(versions as Versions)).toBe(kept.get(latest));
      const current = Math.max(...[...kept.keys()].filter((time) => time <= at), -1);
      const found = () => versionAt(versions as Versions, BigInt(at) * SECOND);
      if (at < since) expect(found).toThrow('a longer RETENTION keeps them longer');
      else expect(found()).toBe(kept.get(current));
    }),
    { numRuns: 300 },
  );
});

test('a row has a bounded number of versions, and a bounded number of bytes', () => {
  let versions: Versions | undefined;
  for (let i = 0; i < 1_100; i++)
    versions = withVersion(versions, { micros: BigInt(i), row: '{}' }, Number.MAX_SAFE_INTEGER);
  expect(versions?.list).toHaveLength(1_000);
  const large = `{"text":"${'x'.repeat(30_000)}"}`;
  for (let i = 0; i < 5; i++)
    versions = withVersion(versions, { micros: BigInt(2_000 + i), row: large }, Number.MAX_SAFE_INTEGER);
  expect(versions?.list).toHaveLength(1);
  expect(() => versionAt(versions as Versions, 2_000n)).toThrow('a longer RETENTION');
  expect(() => withVersion(versions, { micros: 9_000n, row: `"${'x'.repeat(200_000)}"` }, 0)).toThrow(
    'more than 131072 bytes',
  );
});
