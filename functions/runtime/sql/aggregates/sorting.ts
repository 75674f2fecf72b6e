/** One expression of ORDER BY: the index of its value in a row, and its order. */
export interface Sorting {
  readonly index: number;
  readonly compare: (a: never, b: never) => number;
  readonly isDescending: boolean;
  readonly nullsFirst: boolean;
}

export function compareRows(sorting: readonly Sorting[], a: readonly unknown[], b: readonly unknown[]): number {
  for (const { index, compare, isDescending, nullsFirst } of sorting) {
    const [x, y] = [a[index] ?? null, b[index] ?? null];
    const order =
      x === null || y === null
        ? (Number(x === null) - Number(y === null)) * (nullsFirst ? -1 : 1)
        : compare(x as never, y as never) * (isDescending ? -1 : 1);
    if (order !== 0) return order;
  }
  return 0;
}
