// Looks at the packages as their users get them: packs each, and lets publint and attw judge the tarball.

import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pack } from './pack.ts'

const folder = await mkdtemp(join(tmpdir(), 'holdfast-packed-'))
try {
  for (const name of ['holdfast', 'holdfast-cli']) {
    const { tarball } = await pack(name, folder)
    judge('publint', [tarball, '--strict'])
    judge('attw', [tarball, '--profile', 'esm-only'])
  }
} finally {
  await rm(folder, { recursive: true })
}

function judge(command: string, flags: readonly string[]): void {
  const { status } = spawnSync(command, flags, { stdio: ['ignore', 'inherit', 'inherit'] })
  if (status !== 0) process.exitCode = 1
}
