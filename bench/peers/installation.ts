/** What the bench needs before it can begin: the peers installed, ours built, and files to open. */

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const bench = join(import.meta.dirname, '..')
const root = join(bench, '..')

/** Installs the peers when they are missing or not those of the lock. */
export function installPeers(tell: (text: string) => void): void {
  const wanted = locked('package-lock.json')
  const installed = locked('node_modules/.package-lock.json')
  if (Object.entries(wanted).every(([path, { version, optional }]) => optional || installed[path]?.version === version)) return
  tell('installing the peers: npm ci --prefix bench')
  execFileSync('npm', ['ci', '--prefix', bench], { cwd: bench, stdio: ['ignore', 'inherit', 'inherit'] })
}

/** Brings the build up to date: it is what users get, and what is measured. */
export function buildHoldfast(tell: (text: string) => void): void {
  tell('building holdfast')
  execFileSync('npm', ['run', '--silent', 'build'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
}

/** How many files a process may have open. */
export function openFilesLimit(): number {
  const limit = execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim()
  return limit === 'unlimited' ? Infinity : Number(limit)
}

/** What is compared, with its version. */
export function versions(): Record<string, string> {
  const { dependencies } = JSON.parse(readFileSync(join(bench, 'package.json'), 'utf8'))
  const { version } = JSON.parse(readFileSync(join(root, 'packages/holdfast/package.json'), 'utf8'))
  const peers = Object.entries<string>(dependencies).filter(([, each]) => !each.startsWith('file:'))
  return { holdfast: version, ...Object.fromEntries(peers) }
}

interface Locked {
  readonly version?: string
  readonly optional?: boolean
}

function locked(file: string): Record<string, Locked> {
  const path = join(bench, file)
  if (!existsSync(path)) return {}
  const { '': _, ...packages }: Record<string, Locked> = JSON.parse(readFileSync(path, 'utf8')).packages
  return packages
}
