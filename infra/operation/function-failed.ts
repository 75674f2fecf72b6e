/** A step's function was called, and did not answer: it threw, died, was throttled, or could not be reached. */
export class FunctionFailed extends Error {
  constructor(functionName: string, why: string) {
    super(`the function ${functionName} failed: ${why}`);
    this.name = 'FunctionFailed';
  }
}
