/** What a browser downloads: bundled for it, minified, brotli'd. */

import { join } from 'node:path'
import { brotliCompressSync } from 'node:zlib'
import { fewFiles, type Measure } from './measure.ts'
import { type Cell, type Figure, verdict } from './result.ts'
import { figure } from './statistics.ts'
import type { SubjectName } from './subject/catalogue.ts'
import { loadPackage } from './subject/package.ts'

const sources = {
  holdfast: `export { WebSocket, ReconnectingWebSocket } from 'holdfast'`,
  'reconnecting-websocket': `export { default } from 'reconnecting-websocket'`,
  partysocket: `export { default } from 'partysocket/ws'`,
  'websocket-ts': `export { WebsocketBuilder, ExponentialBackoff, ArrayQueue } from 'websocket-ts'`,
  'socket.io': `export { io } from 'socket.io-client'`,
} satisfies { readonly [subject in SubjectName]?: string }

const bytesPerKb = 1_000

export const size: Measure = {
  name: 'size',
  title: `Size in a browser, minified and brotli'd`,
  isAlone: true,
  openFiles: fewFiles,
  run: async () => {
    const found: { [subject in SubjectName]?: Cell } = { ws: { kind: 'absent', why: 'a browser has its own' } }
    for (const [subject, source] of Object.entries(sources)) found[subject as SubjectName] = figure([(await bundle(source)) / bytesPerKb])
    const row = { id: 'size', what: 'size', unit: 'kB', n: 1, cells: found }
    return { rows: [row], verdicts: [verdict('both classes, in a browser', (found.holdfast as Figure).value, 6.5, 'kB')] }
  },
}

async function bundle(contents: string): Promise<number> {
  const { build } = await loadPackage('esbuild')
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: join(import.meta.dirname, '..') },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
  })
  return brotliCompressSync(outputFiles[0].contents).length
}
