import { useServer } from './server.ts';

useServer();
await import('./read-changes.suite.ts');
await import('./what-stops.suite.ts');
await import('./snapshot.suite.ts');
await import('./many-tables.suite.ts');
await import('./altered-tables.suite.ts');
