/** What every command takes that asks pipelines which run somewhere. */
export const targetOptions = {
  stage: { type: 'string' },
  profile: { type: 'string' },
  region: { type: 'string' },
  endpoint: { type: 'string' },
} as const;

export const targetHelp = [
  '  --stage <stage>          a stage on AWS, instead of the dev that runs in this folder; dev when only one of the next is given',
  '  --profile <profile>      of the AWS configuration',
  '  --region <region>',
  '  --endpoint <url>         of a server that is like AWS',
].join('\n');
