import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { hideFields, personalFields } from '../../../infra/console/hide-fields.ts';

describe('personal fields', () => {
  test('are those that a schema calls so, in nested objects and lists too, also when they may be missing', () => {
    const schema = z.object({
      id: z.string(),
      name: z.string().meta({ personal: true }),
      mail: z.string().meta({ personal: true }).nullable().optional(),
      address: z.object({ street: z.string().meta({ personal: true }), town: z.string() }),
      friends: z.array(z.object({ phone: z.string().meta({ personal: true }) })),
    });
    expect([...personalFields(schema)].sort()).toEqual(['mail', 'name', 'phone', 'street']);
  });
});

describe('hiding fields', () => {
  const fields = new Set(['name', 'secret']);

  test('leaves every other byte as it is', () => {
    const text = '{ "id": 12345678901234567890.10, "name" : "Ada \\"L\\"" ,"list":[{"name":null},{"other":"name"}]}';
    expect(hideFields(text, fields)).toBe(
      '{ "id": 12345678901234567890.10, "name" : "hidden" ,"list":[{"name":"hidden"},{"other":"name"}]}',
    );
  });

  test('hides objects and lists as a whole, whatever is in them', () => {
    expect(hideFields('{"secret":{"a":[1,{"name":2}]},"b":1,"name":[[3],4],"c":2}', fields)).toBe(
      '{"secret":"hidden","b":1,"name":"hidden","c":2}',
    );
  });

  test('finds a name that is written with escapes', () => {
    expect(hideFields('{"n\\u0061me":"Ada"}', fields)).toBe('{"n\\u0061me":"hidden"}');
  });

  test('hides everything of a text that is not JSON', () => {
    expect(hideFields('{"name":"Ada"', fields)).toBe('"hidden"');
    expect(hideFields('no json', new Set())).toBe('no json');
  });
});
