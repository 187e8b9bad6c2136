// Packs a package of this repository as `npm publish` would, for all who look at what is shipped.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

const root = join(import.meta.dirname, '..')

export interface Packed {
  /** Its path. */
  readonly tarball: string
  readonly files: readonly string[]
  readonly unpackedSize: number
}

/** @param destination where the tarball goes, and what npm keeps besides, so that no two that run at once meet */
export async function pack(name: string, destination: string): Promise<Packed> {
  const flags = ['--json', '--silent', '--pack-destination', destination, '--cache', join(destination, 'cache')]
  const { stdout } = await promisify(execFile)('npm', ['pack', ...flags], { cwd: join(root, 'packages', name) })
  const [{ filename, files, unpackedSize }] = JSON.parse(stdout)
  return { tarball: join(destination, filename), files: files.map(({ path }: { path: string }) => path), unpackedSize }
}
