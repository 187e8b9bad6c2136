// Installs the Debian packages of test/packages.txt that are missing. Without root or without apt it does nothing: the suites
// that need them skip themselves and say how to enable them. In CI, where nothing may be skipped, a failure ends the run.

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { requireNode } from './node-version.mjs'

const lastLines = 20
const servicePolicy = '/usr/sbin/policy-rc.d'

requireNode()
const missing = isRoot() && has('apt-get') && has('dpkg-query') ? missingPackages() : []
if (missing.length > 0) install(missing)

function missingPackages() {
  const list = readFileSync(new URL('../test/packages.txt', import.meta.url), 'utf8')
  const wanted = list
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter(Boolean)
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query fills these in
  const format = '${Package} ${db:Status-Status}\n'
  // It fails when it does not know one of them, and still tells about the others.
  const { stdout } = run('dpkg-query', ['--show', '--showformat', format, ...wanted])
  const installed = new Set(stdout.split('\n'))
  return wanted.filter((name) => !installed.has(`${name} installed`))
}

function install(packages) {
  console.error(`Installing Debian packages for the tests: ${packages.join(' ')}`)
  const options = ['-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120']
  const update = run('apt-get', ['update'])
  const result = withoutServices(() => run('apt-get', ['install', ...options, ...packages]))
  if (result.status === 0) return
  const output = `${update.status === 0 ? '' : update.output}${result.output}`.trim().split('\n')
  console.error(
    [
      ...output.slice(-lastLines).map((line) => `  ${line}`),
      'These packages could not be installed, for the reason above. By hand:',
      `  apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`,
      isCI() ? 'CI is set, so nothing may be skipped: the run ends here.' : 'The suites that need them will be skipped.',
    ].join('\n'),
  )
  if (isCI()) process.exit(1)
}

/** Debian starts what it installs, nginx on port 80 too, unless this file says no (policy-rc.d(8)); the tests start their own. */
function withoutServices(install) {
  if (existsSync(servicePolicy)) return install()
  writeFileSync(servicePolicy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    return install()
  } finally {
    rmSync(servicePolicy)
  }
}

function run(command, args) {
  const result = spawnSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
    maxBuffer: Infinity,
  })
  const failure = result.error ? `${command}: ${result.error.message}\n` : ''
  return { status: result.status, stdout: result.stdout || '', output: `${result.stdout || ''}${result.stderr || ''}${failure}` }
}

function has(command) {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0
}

function isRoot() {
  return typeof process.getuid === 'function' && process.getuid() === 0
}

function isCI() {
  return !['', '0', 'false'].includes(process.env.CI || '')
}
