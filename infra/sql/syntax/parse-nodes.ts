import type { Node, TypeName } from 'libpg-query';

/** The last part of a possibly qualified name (`pg_catalog.btrim`). */
export function nameOf(parts: readonly Node[] | undefined): string {
  const last = parts?.at(-1);
  return last !== undefined && 'String' in last ? (last.String.sval ?? '') : '';
}

export function namesOf(parts: readonly Node[] | undefined): readonly string[] {
  return (parts ?? []).flatMap((part) => ('String' in part ? [part.String.sval ?? ''] : []));
}

/** The list inside a node that wraps one (IN, BETWEEN). */
export function itemsOf(node: Node | undefined): readonly Node[] {
  return node !== undefined && 'List' in node ? (node.List.items ?? []) : [];
}

/** The numbers in parentheses after a type. */
export function modifiersOf(type: TypeName): readonly number[] {
  return (type.typmods ?? []).flatMap((node) => ('A_Const' in node ? [node.A_Const.ival?.ival ?? 0] : []));
}
