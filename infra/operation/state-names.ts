/** In SQL: the table that a relation `c` is a state of, by its name. */
export const TABLE_OF_STATE = `substring(c.relname from '^(.*) state [1-9][0-9]{0,8}$')`;
