/**
 * An error that Postgres would raise too when it evaluates the expression: the event's fault. `code` is the SQLSTATE.
 */
export class SqlError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'SqlError';
    this.code = code;
  }
}

export function outOfRange(type: string): never {
  throw new SqlError('22003', `${type} out of range`);
}

export function divisionByZero(): never {
  throw new SqlError('22012', 'division by zero');
}

export function invalidInput(type: string, text: string): never {
  throw new SqlError('22P02', `invalid input syntax for type ${type}: "${text}"`);
}
