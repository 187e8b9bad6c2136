// Makes what the package ships from what tsc wrote: a file of code for each entry, what the two of the server share, and the types that
// the entries name. Loading some sixty modules costs a process 20 ms; and most types are nobody's business but ours.

import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { build } from 'esbuild'

const dist = join(import.meta.dirname, '../packages/holdfast/dist')
/** Entries that share what they have in common. Nobody loads both of the client's: each is whole, so that an import finds one file. */
const families = [['index'], ['node'], ['server', 'gateway']]
const entries = families.flat()
/** Where a line may end, so that a place in a stack trace is a place that one finds. */
const lineLimit = 140

const outputFiles = (await Promise.all(families.map(bundled))).flat()
const code = new Map(outputFiles.map(({ path, text }) => [relative(dist, path), text]))
await replace('bundle', code)
await replace('types', await reachableTypes())
// The wire is documented in the package as well: what is installed says what it speaks.
await put(join(dist, '../PROTOCOL.md'), await readFile(join(dist, '../../../PROTOCOL.md'), 'utf8'))

/** Names are kept, white space is not: it costs an import a third of a millisecond, and what is one-byte text is read faster as well. */
async function bundled(family) {
  const { outputFiles } = await build({
    entryPoints: family.map((name) => join(dist, `${name}.js`)),
    outdir: join(dist, 'bundle'),
    bundle: true,
    splitting: true,
    chunkNames: 'shared-[hash]',
    format: 'esm',
    platform: 'neutral',
    target: 'es2022',
    external: ['ws', 'node:*'],
    charset: 'ascii',
    minifyWhitespace: true,
    lineLimit,
    logLevel: 'warning',
    write: false,
  })
  return outputFiles
}

/** Every declaration file that an entry leads to, under the name that it gets. */
async function reachableTypes() {
  const texts = new Map()
  const rest = entries.map((name) => `${name}.d.ts`)
  for (const file of rest) {
    if (texts.has(join('types', file))) continue
    const text = await readFile(join(dist, file), 'utf8')
    texts.set(join('types', file), text)
    for (const [, specifier] of text.matchAll(/(?:from|import\()\s*['"](\.[^'"]+)\.[jt]s['"]/g)) {
      rest.push(join(dirname(file), `${specifier}.d.ts`))
    }
  }
  return texts
}

/** What an older build wrote besides would be shipped. */
async function replace(folder, texts) {
  for (const [file, text] of texts) await put(join(dist, file), text)
  const found = await readdir(join(dist, folder), { recursive: true, withFileTypes: true })
  for (const entry of found) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile() && !texts.has(relative(dist, path))) await rm(path)
  }
}

/** A file that is right already is left alone: somebody may be reading it, or packing it. */
async function put(path, text) {
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) return
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text)
}
