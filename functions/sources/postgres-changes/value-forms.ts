import { type Form, ownForm, type Types } from '../../clients/postgres-types.ts';

/** What a field of a schema accepts: types of JSON Schema. None: anything. */
export type JsonTypes = readonly string[];

/**
 * Returns the form in which a field gets the values of a type: the type's own, or a text where the field wants texts.
 * Undefined when the field would never accept them.
 */
export function formFor(oid: number, types: Types, accepted: JsonTypes): Form | undefined {
  const own = ownForm(oid, types);
  if (own === 'json' || accepted.length === 0 || accepted.some((type) => jsonTypesOf(own).includes(type))) {
    return own === 'json' && accepted.length > 0 && accepted.every((type) => type === 'string' || type === 'null')
      ? 'text'
      : own;
  }
  return accepted.includes('string') && own !== 'boolean' ? 'text' : undefined;
}

/** The type of JSON that values of a form have. */
export function jsonTypesOf(form: Form): JsonTypes {
  if (typeof form === 'object') return ['array'];
  if (form === 'number') return ['number', 'integer'];
  return form === 'boolean' ? ['boolean'] : form === 'json' ? [] : ['string'];
}
