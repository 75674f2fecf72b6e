import { z } from 'zod';
import type { Plan } from './plan.ts';
import type { LakeStore } from './store.ts';

/** What a file has replaced: with this object, the inputs of a plan count as deleted. */
const Manifest = z.object({ replaced: z.array(z.string()) });

/** The folder of the lake for manifests. Readers of a sink's folder do not see it. */
const MANIFESTS = 'compacted';

/**
 * How long a manifest is kept. A process that wrote a file late has ended long before: an invocation takes 15 minutes
 * at most.
 */
const KEPT_MILLIS = 24 * 3_600_000;

const folderOf = (prefix: string): string => `${MANIFESTS}/${prefix}/`;
const keyOf = (prefix: string, { output }: Plan): string => `${folderOf(prefix)}${output}.json`;

export async function isReplaced(store: LakeStore, prefix: string, plan: Plan): Promise<boolean> {
  return (await store.get(keyOf(prefix, plan))) !== undefined;
}

export async function writeManifest(store: LakeStore, prefix: string, plan: Plan): Promise<void> {
  const manifest: z.input<typeof Manifest> = { replaced: inputKeysOf(prefix, plan) };
  await store.put(keyOf(prefix, plan), Buffer.from(JSON.stringify(manifest)));
}

export function inputKeysOf(prefix: string, { folder, inputs }: Plan): string[] {
  return inputs.map((name) => `${prefix}/${folder}/${name}`);
}

/**
 * Deletes every file that a manifest names: a process that died has left some, and one that was late may have put some
 * back. Resolves to their keys.
 */
export async function sweep(store: LakeStore, prefix: string, nowMillis: number): Promise<ReadonlySet<string>> {
  const all = new Set<string>();
  for await (const { key, modifiedMillis } of store.list(folderOf(prefix))) {
    const text = await store.get(key);
    if (text === undefined) continue;
    const { replaced } = Manifest.parse(JSON.parse(text.toString()));
    await store.delete(replaced);
    for (const each of replaced) all.add(each);
    if (modifiedMillis < nowMillis - KEPT_MILLIS) await store.delete([key]);
  }
  return all;
}
