export const mistakes = {} as Record<string, never>;
