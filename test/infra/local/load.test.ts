import { expect, test } from 'vitest';
import { z } from 'zod';
import { checkerOf, wireSchemaOf } from '../../../functions/runtime/json/wire-schema.ts';
import { generatorDefinition } from '../../../functions/sources/generator/generator.ts';
import { eventMaker } from '../../../functions/sources/generator/make-event.ts';
import { httpSource } from '../../../functions/sources/http/http.ts';
import { underLoad } from '../../../infra/local/load.ts';
import { pipelines } from '../../../infra/pipelines/all.ts';
import { type AnySourceStep, definePipeline, type Pipeline } from '../../../infra/pipelines/pipeline.ts';
import { sensors } from '../../../infra/pipelines/sensors.ts';

const sourcesOf = (all: readonly Pipeline[]) => all.flatMap(({ sources }) => Object.values(sources));
const follows = ({ read }: AnySourceStep) => read.connector === 'postgres-changes';

test('--load puts a generator in the place of every source that does not follow a table, and shares the rate among them', () => {
  const all = sourcesOf(underLoad(pipelines, 1_000));
  expect(all.filter(follows)).toEqual(sourcesOf(pipelines).filter(follows));
  expect(all.some(follows)).toBe(true);
  const loaded = all.filter((step) => !follows(step));
  expect(new Set(loaded.map(({ read }) => read.connector))).toEqual(new Set(['generator']));
  const rates = loaded.map(({ read }) => generatorDefinition.options.parse(read.options).perSecond);
  expect(rates.reduce((sum, rate) => sum + rate)).toBeCloseTo(1_000);
});

test('under --load every stream of the examples gets events that fit its schema', () => {
  for (const { name, sources, streams } of underLoad(pipelines, 1_000)) {
    for (const { read, to } of Object.values(sources).filter((step) => !follows(step))) {
      const make = eventMaker(generatorDefinition.options.parse(read.options) as never);
      const check = checkerOf(wireSchemaOf(streams[String(to)]?.schema as z.ZodType, name));
      for (let number = 0; number < 50; number++) {
        const { dataBytes } = make(number, new Date());
        expect(check(JSON.parse(Buffer.from(dataBytes).toString()))).toBeUndefined();
      }
    }
  }
});

test('under --load the readings of sensors have the values that cleaning needs', () => {
  const [loaded] = underLoad([sensors], 10);
  const [step] = Object.values(loaded?.sources ?? {});
  const make = eventMaker(generatorDefinition.options.parse(step?.read.options) as never);
  const data = JSON.parse(Buffer.from(make(0, new Date('2026-01-01T00:00:00Z')).dataBytes).toString());
  expect(data).toMatchObject({ date: '2026-01-01', weather: expect.any(String), wind: expect.any(Number) });
});

test('--load names the source whose events cannot be made, and the field', () => {
  const Coded = z.object({ id: z.string(), code: z.string().regex(/^[A-Z]{3}$/) });
  const coded = definePipeline({
    name: 'coded',
    streams: { codes: { schema: Coded } },
    sources: { site: { read: httpSource({ schema: Coded, type: 'code.sent', key: 'id' }), to: 'codes' } },
  });
  expect(() => underLoad([coded], 10)).toThrow("--load: source 'coded/site': generatorSource cannot make data: 'code'");
});
