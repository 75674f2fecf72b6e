import fc from 'fast-check';

/**
 * The seed of all properties. It is the same in every run, so that runs are comparable. Use `SEED=7 npm test` or
 * `SEED=random npm test` to try others. A failure prints its seed; turn it into a test of its own.
 */
const seed = process.env.SEED === 'random' ? Date.now() % 2 ** 31 : Number(process.env.SEED ?? 1);
fc.configureGlobal({ seed });
