/** List prices of us-east-1 in US dollars, of November 2025: Amazon S3, DynamoDB on demand, and gp3 storage of RDS. */
const S3_GIGABYTE_MONTH = 0.023;
const S3_PUT = 0.005 / 1_000;
const S3_GET = 0.0004 / 1_000;
const DYNAMODB_GIGABYTE_MONTH = 0.25;
const DYNAMODB_WRITE_UNIT = 0.625 / 1e6;
const DYNAMODB_READ_UNIT = 0.125 / 1e6;
const RDS_GIGABYTE_MONTH = 0.115;

const GIGABYTE = 1e9;

export const prices = {
  s3Storage: (bytes: number) => (bytes / GIGABYTE) * S3_GIGABYTE_MONTH,
  s3Puts: (count: number) => count * S3_PUT,
  s3Gets: (count: number) => count * S3_GET,
  dynamoDbStorage: (bytes: number) => (bytes / GIGABYTE) * DYNAMODB_GIGABYTE_MONTH,
  dynamoDbWrites: (units: number) => units * DYNAMODB_WRITE_UNIT,
  dynamoDbReads: (units: number) => units * DYNAMODB_READ_UNIT,
  rdsStorage: (bytes: number) => (bytes / GIGABYTE) * RDS_GIGABYTE_MONTH,
} as const;
