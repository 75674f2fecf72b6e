import { randomAt } from '../../functions/sources/generator/random.ts';

export interface Random {
  /** A whole number from 0 on, below the given one. */
  below(limit: number): number;
}

export function randomOf(seed: number): Random {
  const random = randomAt(seed, 0, 0);
  return { below: (limit) => Math.floor(random() * limit) };
}

/** The tables of a play. An audit that the source does not see writes down what each statement did to each row. */
export const TABLES = `
  CREATE TABLE accounts (id int PRIMARY KEY, owner text, balance numeric(12,2), tags text[], note text, at timestamptz);
  ALTER TABLE accounts ALTER note SET STORAGE EXTERNAL;
  CREATE TABLE parts (sku text, place int, n bigint, ok boolean, PRIMARY KEY (sku, place));
  ALTER TABLE parts REPLICA IDENTITY FULL;
  CREATE TABLE audit (seq bigserial PRIMARY KEY, change text, key text);
  CREATE FUNCTION write_down() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE old_key text; new_key text;
    BEGIN
      IF TG_TABLE_NAME = 'accounts' THEN
        IF TG_OP <> 'INSERT' THEN old_key := OLD.id::text; END IF;
        IF TG_OP <> 'DELETE' THEN new_key := NEW.id::text; END IF;
      ELSE
        IF TG_OP <> 'INSERT' THEN old_key := '["' || OLD.sku || '","' || OLD.place || '"]'; END IF;
        IF TG_OP <> 'DELETE' THEN new_key := '["' || NEW.sku || '","' || NEW.place || '"]'; END IF;
      END IF;
      IF TG_OP = 'UPDATE' AND old_key = new_key THEN
        INSERT INTO audit (change, key) VALUES (TG_TABLE_NAME || '.updated', new_key);
      ELSE
        IF old_key IS NOT NULL THEN INSERT INTO audit (change, key) VALUES (TG_TABLE_NAME || '.deleted', old_key); END IF;
        IF new_key IS NOT NULL THEN INSERT INTO audit (change, key) VALUES (TG_TABLE_NAME || '.inserted', new_key); END IF;
      END IF;
      RETURN NULL;
    END $$;
  CREATE FUNCTION write_down_all() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO audit (change, key) VALUES (TG_TABLE_NAME || '.truncated', 'public.' || TG_TABLE_NAME);
      RETURN NULL;
    END $$;
  CREATE TRIGGER write_down_all AFTER TRUNCATE ON accounts FOR EACH STATEMENT EXECUTE FUNCTION write_down_all();
  CREATE TRIGGER write_down_all AFTER TRUNCATE ON parts FOR EACH STATEMENT EXECUTE FUNCTION write_down_all();
  CREATE TRIGGER write_down AFTER INSERT OR UPDATE OR DELETE ON accounts FOR EACH ROW EXECUTE FUNCTION write_down();
  CREATE TRIGGER write_down AFTER INSERT OR UPDATE OR DELETE ON parts FOR EACH ROW EXECUTE FUNCTION write_down();`;

export const FIELDS = ['id', 'owner', 'balance', 'tags', 'note', 'at', 'sku', 'place', 'n', 'ok'];

/** Fills the tables: small rows, large ones, and keys that random statements meet. */
export function fill(rows: number): string {
  return `INSERT INTO accounts SELECT n, 'owner ' || n, n, NULL, repeat(md5(n::text), CASE WHEN n % 50 = 0 THEN 200 ELSE 1 END), now()
      FROM generate_series(1, ${rows}) n;
    INSERT INTO parts SELECT 'p' || n % 6, n / 6, n, true FROM generate_series(1, ${Math.ceil(rows / 10)}) n`;
}

/** Writes a random statement over few keys, so that rows meet. */
export function randomStatement(random: Random): string {
  const id = () => random.below(40) + 1;
  const text = () => `repeat(md5('${random.below(1_000_000)}'), ${random.below(4) === 0 ? 200 : 1})`;
  const values = () =>
    `${random.below(5) === 0 ? 'NULL' : text()}, ${random.below(100_000) / 100}, ARRAY['a,"b', NULL, ${text()}], ${text()}, now()`;
  const sku = () => `'p${random.below(6)}'`;
  const choices: readonly (() => string)[] = [
    () => `INSERT INTO accounts VALUES (${id()}, ${values()}) ON CONFLICT DO NOTHING`,
    () =>
      `INSERT INTO accounts SELECT n, ${values()} FROM generate_series(${id()}, ${id() + 5}) n ON CONFLICT (id) DO UPDATE SET balance = accounts.balance + 1`,
    () => `UPDATE accounts SET balance = balance + 1, at = now() WHERE id % 7 = ${random.below(7)}`,
    () => `UPDATE accounts SET note = ${text()} WHERE id = ${id()}`,
    () => `DELETE FROM accounts WHERE id = ${id()}`,
    () =>
      `INSERT INTO parts VALUES (${sku()}, ${random.below(5)}, ${random.below(1_000_000_000)} * 9999999, true) ON CONFLICT (sku, place) DO UPDATE SET n = EXCLUDED.n, ok = NOT parts.ok`,
    () =>
      `UPDATE parts SET place = place + 5 WHERE sku = ${sku()} AND NOT EXISTS (SELECT FROM parts o WHERE o.sku = parts.sku AND o.place = parts.place + 5)`,
    () => `UPDATE parts SET n = NULL, ok = NULL WHERE place = ${random.below(8)}`,
    () => `DELETE FROM parts WHERE place > ${4 + random.below(20)}`,
    () => `ALTER TABLE accounts ADD extra int DEFAULT ${random.below(9)}`,
    () => 'ALTER TABLE accounts DROP IF EXISTS extra',
    () =>
      ['TRUNCATE accounts', 'TRUNCATE parts'][random.below(20)] ??
      `UPDATE accounts SET owner = NULL WHERE id = ${id()}`,
  ];
  const choice = choices[random.below(choices.length)] as () => string;
  return choice().replace('ADD extra', 'ADD IF NOT EXISTS extra');
}

/** Writes a transaction of a few statements, some of which are rolled back. */
export function randomTransaction(random: Random): { readonly text: string; readonly count: number } {
  const statements = Array.from({ length: 1 + random.below(4) }, () => randomStatement(random));
  if (random.below(6) === 0)
    statements.push('SAVEPOINT s', randomStatement(random), 'ROLLBACK TO s', randomStatement(random));
  const text = ['BEGIN', ...statements, random.below(10) === 0 ? 'ROLLBACK' : 'COMMIT'].join('; ');
  return { text, count: statements.length };
}
