// Makes the files that the package ships its code in from what tsc wrote: one for each entry, complete in itself. Loading some thirty
// modules costs a process 20 ms, and each file about one.

import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'

const dist = join(import.meta.dirname, '../packages/holdfast/dist')
const bundle = join(dist, 'bundle')

const { outputFiles } = await build({
  entryPoints: [join(dist, 'index.js'), join(dist, 'node.js')],
  outdir: bundle,
  bundle: true,
  format: 'esm',
  platform: 'neutral',
  target: 'es2022',
  external: ['ws', 'node:*'],
  charset: 'utf8',
  logLevel: 'warning',
  write: false,
})

await mkdir(bundle, { recursive: true })
// A file that is right already is left alone: somebody may be reading it.
for (const { path, text } of outputFiles) if ((await readFile(path, 'utf8').catch(() => undefined)) !== text) await writeFile(path, text)
// What an older build wrote besides would be shipped.
for (const file of await readdir(bundle)) if (!outputFiles.some(({ path }) => path === join(bundle, file))) await rm(join(bundle, file))
