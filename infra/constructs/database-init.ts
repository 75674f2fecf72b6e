import { Construct } from 'constructs';
import type { Bundle } from '../bundle.ts';
import type { Limits } from '../delivery.ts';
import type { Names } from '../names.ts';
import { addBundledFunction } from './bundled-function.ts';
import type { Database } from './database.ts';

/** The module of the function, relative to the repository. */
export const DATABASE_INIT_ENTRY = 'functions/clients/database-init.ts';

/** About ten statements, most of which change nothing. */
const LIMITS: Limits = { timeoutSeconds: 60, memoryMb: 256 };

/**
 * The function inside the database's network that creates the users of sinks and of operators. It has no access to the
 * administrator's password: `millrace database init`, run by somebody who may read the secret, passes it in.
 */
export class DatabaseInit extends Construct {
  constructor(
    scope: Construct,
    id: string,
    props: { readonly names: Names; readonly database: Database; readonly bundle: Bundle },
  ) {
    super(scope, id);
    const { names, database, bundle } = props;
    const { host, port, name, user, administratorSecret, network } = database;
    const functionName = names.databaseInit;
    addBundledFunction(this, {
      functionName,
      description: "makes the sinks' user in the database",
      path: bundle.path,
      config: {
        stage: names.stage,
        pipeline: 'platform',
        step: 'database-init',
        generation: bundle.sha256.slice(0, 12),
        checkpoints: names.checkpoints,
        deadLetters: names.deadLetters,
        resources: { host, port, database: name, user, administratorSecret },
      },
      statements: [],
      limits: LIMITS,
      network,
      names,
    });
  }
}
