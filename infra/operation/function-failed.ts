/** A call of a step's function that got no answer: the function threw, died, was throttled, or was unreachable. */
export class FunctionFailed extends Error {
  constructor(functionName: string, why: string) {
    super(`the function ${functionName} failed: ${why}`);
    this.name = 'FunctionFailed';
  }
}
