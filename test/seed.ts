import fc from 'fast-check';

/**
 * Properties run from one seed, so that a run is the same as the one before it. Another seed looks further: `SEED=7 npm
 * test`, or `SEED=random npm test`. What fails is printed with its seed, and becomes a test of its own.
 */
const seed = process.env.SEED === 'random' ? Date.now() % 2 ** 31 : Number(process.env.SEED ?? 1);
fc.configureGlobal({ seed });
