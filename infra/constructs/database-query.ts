import { Construct } from 'constructs';
import type { Bundle } from '../bundle.ts';
import type { Limits } from '../delivery.ts';
import type { Names } from '../names.ts';
import type { AwsDatabase } from '../needs.ts';
import { databaseNeeds } from '../sinks/postgres.ts';
import { addBundledFunction } from './bundled-function.ts';

/** The module of the function, relative to the repository. */
export const DATABASE_QUERY_ENTRY = 'functions/clients/database-query.ts';

/** Five minutes, the longest time that an operator can allow, and what connecting takes. */
const LIMITS: Limits = { timeoutSeconds: 330, memoryMb: 512 };

/** The function inside the database's network that asks the database for operators, as a user that only reads. */
export class DatabaseQuery extends Construct {
  constructor(
    scope: Construct,
    id: string,
    props: { readonly names: Names; readonly database: AwsDatabase; readonly bundle: Bundle },
  ) {
    super(scope, id);
    const { names, database, bundle } = props;
    const { resources, statements, network } = databaseNeeds(database);
    const functionName = names.databaseQuery;
    addBundledFunction(this, {
      functionName,
      description: 'asks the database for operators (millrace query)',
      path: bundle.path,
      config: {
        stage: names.stage,
        pipeline: 'platform',
        step: 'database-query',
        generation: bundle.sha256.slice(0, 12),
        checkpoints: names.checkpoints,
        deadLetters: names.deadLetters,
        resources,
      },
      statements,
      limits: LIMITS,
      network,
      names,
    });
  }
}
