export function plantMistake(_: string): void {}
