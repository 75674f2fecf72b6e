import type {
  CreateStreamInput,
  ListTagsForResourceInput,
  ListTagsForResourceOutput,
  ListTagsForStreamInput,
  ListTagsForStreamOutput,
  Tag,
} from '@aws-sdk/client-kinesis';
import { invalidArgument } from './log-error.ts';
import { findStream, type LogState } from './log-state.ts';
import type { Stream } from './stream.ts';

/** ListTagsForStream and ListTagsForResource. CreateStream sets the tags. */
export function tagOperations(state: LogState) {
  return {
    /**
     * *Behaviour.* Lists a stream's tags in the order of their keys, 50 a page unless Limit says less. HasMoreTags says
     * that others come after the last key. (API reference)
     *
     * *Differences from AWS.* None that we know of.
     */
    ListTagsForStream(input: ListTagsForStreamInput): ListTagsForStreamOutput {
      const after = input.ExclusiveStartTagKey ?? '';
      const tags = listed(findStream(state, input)).filter(({ Key = '' }) => Key > after);
      const limit = input.Limit ?? mostTags;
      return { Tags: tags.slice(0, limit), HasMoreTags: tags.length > limit };
    },

    /**
     * *Behaviour.* Lists the tags of the stream that has this ARN. (API reference)
     *
     * *Differences from AWS.* The order is that of the keys; Kinesis promises none. There are no consumers, so the ARN
     * of one is a ResourceNotFoundException.
     */
    ListTagsForResource({ ResourceARN }: ListTagsForResourceInput): ListTagsForResourceOutput {
      return { Tags: listed(findStream(state, { StreamARN: ResourceARN })) };
    },
  };
}

const mostTags = 50;

/**
 * Checks the tags that a stream is created with: up to 50, with keys of 1 to 128 and values of up to 256 characters.
 */
export function tagsOf({ Tags }: CreateStreamInput): ReadonlyMap<string, string> {
  const tags = new Map(Object.entries(Tags ?? {}));
  if (tags.size > mostTags) throw invalidArgument(`${tags.size} tags: a stream has at most ${mostTags}`);
  for (const [key, value] of tags) {
    if (key.length < 1 || key.length > 128) {
      throw invalidArgument(`The key '${key}' of a tag has ${key.length} characters: give 1 to 128`);
    }
    if (typeof value !== 'string' || value.length > 256) {
      throw invalidArgument(`The value '${value}' of the tag '${key}' is not a string of up to 256 characters`);
    }
    if (key.startsWith('aws:')) throw invalidArgument(`The key '${key}' of a tag begins with 'aws:', which AWS keeps`);
  }
  return tags;
}

function listed({ tags }: Stream): Tag[] {
  return [...tags].map(([Key, Value]) => ({ Key, Value })).sort((a, b) => (a.Key < b.Key ? -1 : 1));
}
