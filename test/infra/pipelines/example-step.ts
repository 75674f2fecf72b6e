/** Stands for a step where only its bundle matters. */
export const handler = () => Promise.resolve({});
