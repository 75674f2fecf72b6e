import { sourceCases } from './cases.ts';

for (const checkContract of Object.values(sourceCases).flat()) checkContract();
