import type { Pipeline, StreamDeclaration } from '../pipelines/pipeline.ts';
import type { SchemaLock } from './lock.ts';
import { versionOf } from './version.ts';

/**
 * Gives each stream of the pipelines the versions of its schema that the lock has, the oldest first. The schema itself
 * is among them, locked or not.
 */
export function withVersions(pipelines: readonly Pipeline[], lock: SchemaLock): readonly Pipeline[] {
  return pipelines.map((pipeline) => ({
    ...pipeline,
    streams: Object.fromEntries(
      Object.entries(pipeline.streams).map(([name, stream]) => [
        name,
        versioned(`${pipeline.name}/${name}`, stream, lock),
      ]),
    ),
  }));
}

function versioned(name: string, stream: StreamDeclaration, lock: SchemaLock): StreamDeclaration {
  const known = lock.get(name);
  if ('of' in stream || known === undefined) return stream;
  const current = versionOf(stream.schema);
  const isKnown = known.some(({ version }) => version === current.version);
  return { ...stream, versions: isKnown ? known : [...known, current] };
}
