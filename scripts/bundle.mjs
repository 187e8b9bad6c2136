// Makes the files that the package ships its code in from what tsc wrote: one for each entry, and what they share. Loading some thirty
// modules costs a process 20 ms, loading two a few.

import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { build } from 'esbuild'

const dist = join(import.meta.dirname, '../packages/holdfast/dist')

const { outputFiles } = await build({
  entryPoints: [join(dist, 'index.js'), join(dist, 'node.js')],
  outdir: join(dist, 'bundle'),
  bundle: true,
  splitting: true,
  chunkNames: 'shared',
  format: 'esm',
  platform: 'neutral',
  target: 'es2022',
  external: ['ws', 'node:*'],
  charset: 'utf8',
  logLevel: 'warning',
  write: false,
})

// A file that is right already is left alone: somebody may be reading it.
for (const { path, text } of outputFiles) {
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) continue
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text)
}
