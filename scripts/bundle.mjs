// Makes what the package ships from what tsc wrote: a file of code for each entry and what they share, and the types that the entries
// name. Loading some thirty modules costs a process 20 ms; and most types are nobody's business but ours.

import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { build } from 'esbuild'

const dist = join(import.meta.dirname, '../packages/holdfast/dist')
const entries = ['index', 'node', 'server', 'gateway']

const { outputFiles } = await build({
  entryPoints: entries.map((name) => join(dist, `${name}.js`)),
  outdir: join(dist, 'bundle'),
  bundle: true,
  splitting: true,
  chunkNames: 'shared-[hash]',
  format: 'esm',
  platform: 'neutral',
  target: 'es2022',
  external: ['ws', 'node:*'],
  charset: 'utf8',
  logLevel: 'warning',
  write: false,
})

const code = new Map(outputFiles.map(({ path, text }) => [relative(dist, path), text]))
await replace('bundle', code)
await replace('types', await reachableTypes())
// The wire is documented in the package as well: what is installed says what it speaks.
await put(join(dist, '../PROTOCOL.md'), await readFile(join(dist, '../../../PROTOCOL.md'), 'utf8'))

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
