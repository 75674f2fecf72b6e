import type { Caller } from './caller.ts';
import { callQuery } from './signed-call.ts';

/** A template of one resource that `cdk import` could take into a stack. */
const TEMPLATE = JSON.stringify({
  Resources: {
    Kept: { Type: 'AWS::S3::Bucket', DeletionPolicy: 'Retain', Properties: { BucketName: 'millrace-import-probe' } },
  },
});

const CHANGE = { StackName: 'millrace-import-probe', ChangeSetName: 'millrace-import-probe' };

/**
 * Finds out why a server's CloudFormation cannot take existing resources into a stack. Undefined when it can. `cdk
 * import` needs change sets of type IMPORT. A server that only refuses this one, because there is no such bucket, can
 * import others.
 */
export async function whyNoImport(caller: Caller): Promise<string | undefined> {
  const call = (parameters: Readonly<Record<string, string>>) =>
    callQuery('cloudformation', { Version: '2010-05-15', ...parameters }, caller);
  const change = await call({
    ...CHANGE,
    Action: 'CreateChangeSet',
    ChangeSetType: 'IMPORT',
    TemplateBody: TEMPLATE,
    'ResourcesToImport.member.1.ResourceType': 'AWS::S3::Bucket',
    'ResourcesToImport.member.1.LogicalResourceId': 'Kept',
    'ResourcesToImport.member.1.ResourceIdentifier.entry.1.key': 'BucketName',
    'ResourcesToImport.member.1.ResourceIdentifier.entry.1.value': 'millrace-import-probe',
  });
  if (change.ok) {
    await call({ ...CHANGE, Action: 'DeleteChangeSet' });
    await call({ StackName: CHANGE.StackName, Action: 'DeleteStack' });
  }
  const isMissing = change.status >= 500 || /not (yet )?(implemented|supported)/i.test(change.said);
  return !change.ok && isMissing ? 'it has no change sets of type IMPORT' : undefined;
}
