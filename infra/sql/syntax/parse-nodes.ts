import type { Node, TypeName } from 'libpg-query';

/** Returns the last part of a possibly qualified name, such as `pg_catalog.btrim`. */
export function nameOf(parts: readonly Node[] | undefined): string {
  const last = parts?.at(-1);
  return last !== undefined && 'String' in last ? (last.String.sval ?? '') : '';
}

export function namesOf(parts: readonly Node[] | undefined): readonly string[] {
  return (parts ?? []).flatMap((part) => ('String' in part ? [part.String.sval ?? ''] : []));
}

/** Returns the items of a list node (IN, BETWEEN). */
export function itemsOf(node: Node | undefined): readonly Node[] {
  return node !== undefined && 'List' in node ? (node.List.items ?? []) : [];
}

/** Returns the numbers in parentheses after a type. */
export function modifiersOf(type: TypeName): readonly number[] {
  return (type.typmods ?? []).flatMap((node) => ('A_Const' in node ? [node.A_Const.ival?.ival ?? 0] : []));
}
