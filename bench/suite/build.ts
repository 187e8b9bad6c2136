/** A snapshot of the library as it ships: every process of a run measures the same code, whatever happens to the sources meanwhile. */

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

const bench = join(import.meta.dirname, '..')
const sources = join(bench, '../packages/holdfast/src')
/** Beside the peers, so that all find the same `ws`. */
const cache = join(bench, 'node_modules/.cache')

export class Build implements Disposable {
  readonly folder: string

  static async make(): Promise<Build> {
    mkdirSync(cache, { recursive: true })
    const made = new Build(mkdtempSync(join(cache, 'holdfast-')))
    process.once('exit', () => made[Symbol.dispose]()) // whatever ends the run
    await build({
      entryPoints: ['node.ts', 'server.ts', 'gateway.ts'].map((entry) => join(sources, entry)),
      outdir: made.folder,
      outExtension: { '.js': '.mjs' },
      bundle: true,
      splitting: true,
      format: 'esm',
      platform: 'neutral',
      target: 'es2022',
      external: ['ws', 'node:*'],
      logLevel: 'warning',
    })
    return made
  }

  private constructor(folder: string) {
    this.folder = folder
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
