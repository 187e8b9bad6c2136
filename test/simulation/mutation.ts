/** A defect, put into a copy of the core: what a simulation is worth shows in which of them it finds, and how soon. */

import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Failure, runChunks } from './crew.ts'

export interface Mutation {
  readonly name: string
  /** Changes of the source. */
  readonly edits: readonly Edit[]
}

export interface Edit {
  /** Occurs exactly once in all files of the core, whichever it is in: code moves. */
  readonly find: string
  readonly replace: string
}

const core = fileURLToPath(new URL('../../packages/holdfast/src/core/', import.meta.url))
const chunkSeeds = 10

/** @returns the folder of the copy; whoever asked for it removes it */
export async function mutate({ name, edits }: Mutation): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-mutation-'))
  await cp(core, folder, { recursive: true, filter: (path) => !path.endsWith('.test.ts') })
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  try {
    for (const edit of edits) await apply(folder, edit)
  } catch (error) {
    await rm(folder, { recursive: true })
    throw new Error(`the mutation “${name}” cannot be applied`, { cause: error })
  }
  return folder
}

async function apply(folder: string, { find, replace }: Edit): Promise<void> {
  const paths = (await readdir(folder)).filter((name) => name.endsWith('.ts')).map((name) => join(folder, name))
  const sources = await Promise.all(paths.map((path) => readFile(path, 'utf8')))
  const counts = sources.map((source) => source.split(find).length - 1)
  const occurrences = counts.reduce((sum, count) => sum + count, 0)
  if (occurrences !== 1) throw new Error(`the core contains ${occurrences} times, not once: ${find}`)
  const index = counts.indexOf(1)
  await writeFile(
    paths[index]!,
    sources[index]!.replace(find, () => replace),
  )
}

/** Runs seeds from 1 on over a mutated core. @returns the first one that breaks an invariant; undefined: none of them does */
export async function hunt(mutation: Mutation, maxSeeds: number): Promise<Failure | undefined> {
  const folder = await mutate(mutation)
  const failures: Failure[] = []
  let from = 1
  const next = () => {
    if (from > maxSeeds) return undefined
    const chunk = { from, count: Math.min(chunkSeeds, maxSeeds - from + 1), stopsAtFailure: true }
    from += chunk.count
    return chunk
  }
  try {
    await runChunks({ threads: 1, core: folder }, next, (share) => failures.push(...share.failures) > 0)
  } finally {
    await rm(folder, { recursive: true })
  }
  return failures[0]
}
