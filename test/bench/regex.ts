import { re2Engine, v8Engine } from '../../functions/runtime/sql/text/regex-engine.ts';
import { type Measured, measure, runAlone } from './rounds.ts';

const TEXTS = Array.from({ length: 10_000 }, (_, i) => `order-${i} of ${i % 7} items`);
const count = ({ engine }: ReturnType<typeof v8Engine>): number => TEXTS.filter((text) => engine.test(text)).length;

/**
 * What V8's engine gains over RE2 for patterns that are proven linear: below the target, RE2 alone would be simpler.
 */
async function benchRegex(): Promise<readonly Measured[]> {
  const [source, versus, target, rounds] = ['^[a-z]+-[0-9]{1,3} ', 'RE2', 3, 9];
  const [v8, re2] = [v8Engine(source), re2Engine(source)];
  if (count(v8) !== 1000 || count(re2) !== 1000) throw new Error('the engines must find the same 1,000 texts');
  const name = `test ${TEXTS.length} texts against ${source}`;
  return [await measure({ name, versus, target, rounds, ours: () => count(v8), other: () => count(re2) })];
}

await runAlone(benchRegex);
