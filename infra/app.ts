import { App } from 'aws-cdk-lib';
import recommended from 'aws-cdk-lib/recommended-feature-flags.json' with { type: 'json' };
import { UserMistake } from '../functions/runtime/errors.ts';
import { parseContext } from './context.ts';
import { pipelines } from './pipelines/all.ts';
import { refuseBrokenReaders } from './schemas/check.ts';
import { readLock } from './schemas/lock.ts';
import { withVersions } from './schemas/with-versions.ts';
import { refuseReplacing } from './stacks/kept-files.ts';
import { addStage } from './stacks/stage.ts';

/** The CDK app, for `npx cdk synth` and `npx cdk deploy --all`. */
const app = new App({ analyticsReporting: false, context: recommended });
try {
  const context = parseContext(app.node.getAllContext());
  await refuseBrokenReaders(pipelines);
  await addStage(app, context, withVersions(pipelines, await readLock()));
  await refuseReplacing(app.synth(), context, { pipelines });
} catch (error) {
  if (!(error instanceof UserMistake)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
