import type { GetRecordsCommand, GetRecordsOutput, GetShardIteratorCommand } from '@aws-sdk/client-kinesis';
import type { LogClient } from '../../../../infra/emulator/log/client.ts';

const WIDTH = 60;

/**
 * Makes a client like MiniStack: its sequence numbers have leading zeros, and it compares a requested number with them
 * as a text.
 */
export function paddingClient(client: LogClient, sequenceNumbers: () => readonly string[]): LogClient {
  const padded = (number: string) => number.padStart(WIDTH, '0');
  return {
    send: (async (command: GetRecordsCommand | GetShardIteratorCommand, options: never) => {
      const pass = (input: object) => client.send(Object.assign(command, { input }) as never, options);
      if ('ShardIteratorType' in command.input && command.input.StartingSequenceNumber !== undefined) {
        const { StartingSequenceNumber, ...input } = command.input;
        const found = sequenceNumbers().find((number) => padded(number) >= StartingSequenceNumber);
        return pass(found ? { ...input, StartingSequenceNumber: found } : { ...input, ShardIteratorType: 'LATEST' });
      }
      const answer = (await pass(command.input)) as GetRecordsOutput;
      const Records = answer.Records?.map((one) => ({ ...one, SequenceNumber: padded(one.SequenceNumber ?? '') }));
      return { ...answer, ...(Records && { Records }) };
    }) as LogClient['send'],
  };
}
