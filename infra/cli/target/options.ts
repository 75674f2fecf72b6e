/** The options that name a stage on AWS, for every command that works on pipelines which run somewhere. */
export const targetOptions = {
  stage: { type: 'string' },
  profile: { type: 'string' },
  region: { type: 'string' },
  endpoint: { type: 'string' },
} as const;

const stageHelpLines = [
  '  --stage <stage>          stage to use (default: dev)',
  '  --profile <profile>      profile of the AWS configuration',
  '  --region <region>        AWS region',
  '  --endpoint <url>         URL of an AWS emulator',
];

/** For a command that works on a stage only. */
export const stageHelp = stageHelpLines.join('\n');

export const targetHelp = [
  '',
  'Without the options below, the command uses the dev that runs in this folder. With any of them, it',
  'uses a stage on AWS:',
  ...stageHelpLines,
].join('\n');
