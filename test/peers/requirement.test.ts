import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, test } from 'node:test'
import { needs } from './requirement.ts'

describe('what a suite needs', () => {
  test('nothing, and it runs', () => {
    assert.deepEqual(needs(), {})
  })

  // An empty path has no go; the rest of the environment must not tell a test run inside from one outside.
  const suite = (env: Record<string, string>): ReturnType<typeof spawnSync> & { stdout: string } =>
    spawnSync(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import { describe, test } from 'node:test'
         const { needs } = await import(${JSON.stringify(new URL('./requirement.ts', import.meta.url).href)})
         describe('against gorilla', needs('gorilla'), () => test('ran', () => {}))`,
      ],
      { env: { PATH: '/nonexistent', ...env }, encoding: 'utf8' },
    )

  test('is skipped where it is missing, with the reason and one command that enables it', () => {
    const { status, stdout } = suite({})
    assert.equal(status, 0)
    assert.match(stdout, /gorilla: there is no go — enable with: sudo apt-get install -y .*golang-go golang-github-gorilla-websocket-dev/)
    assert.doesNotMatch(stdout, /ran/)
  })

  test('fails the run in CI, with the same words', () => {
    const { status, stderr } = suite({ CI: 'true' })
    assert.equal(status, 1)
    assert.match(String(stderr), /gorilla: there is no go — enable with: sudo apt-get install .*because CI is set/)
  })
})
