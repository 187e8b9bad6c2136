// What the other examples say of the gateway is so: its settings, its ports, its paths.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { parse, parseAllDocuments } from 'yaml'
import { parseDuration } from '../../packages/holdfast-cli/src/fault/index.ts'
import { settingNames, variableOf } from '../../packages/holdfast-cli/src/gateway/setting.ts'
import { needs } from '../peers/requirement.ts'
import { startWs } from '../peers/ws.ts'
import { startGateway } from './child.ts'
import { readExample } from './example.ts'
import { root, run } from './program.ts'

const msPerSecond = 1_000

/** What the gateway would do with these arguments. */
async function resolve(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Record<string, any>> {
  const { code, stdout, stderr } = await run(['gateway', ...args, '--print-config'], undefined, env)
  assert.equal(code, 0, stderr)
  return parse(stdout)
}

/** Whether the admin listener knows these paths. */
async function assertPaths(paths: readonly string[]): Promise<void> {
  await using peer = await startWs()
  await using gateway = await startGateway('--upstream', peer.url)
  for (const path of paths) assert.equal((await fetch(`${gateway.admin}${path}`)).status, 200, path)
}

describe('the unit of systemd', () => {
  let folder = ''
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-unit-'))
  })
  after(() => rm(folder, { recursive: true }))

  test('has nothing that systemd finds wrong', needs('systemd'), async () => {
    const program = join(folder, 'bin', 'holdfast')
    await mkdir(join(folder, 'bin'))
    await writeFile(program, '#!/bin/sh\n')
    await chmod(program, 0o755)
    const unit = join(folder, 'holdfast-gateway.service')
    await writeFile(unit, await readExample('systemd/holdfast-gateway.service', { '/usr/local/bin/holdfast': program }))
    const { stdout, stderr } = await promisify(execFile)('systemd-analyze', ['verify', '--man=no', unit])
    const said = `${stdout}${stderr}`.split('\n').filter((line) => line.includes('holdfast'))
    assert.deepEqual(said, [])
  })

  test('starts the gateway with settings that there are, and waits longer than it drains', async () => {
    const unit = await readExample('systemd/holdfast-gateway.service')
    const [, words = ''] = /^ExecStart=\/usr\/local\/bin\/holdfast gateway (.*)$/m.exec(unit) ?? []
    const args = words.replace('/etc/holdfast', join(root, 'examples/systemd')).split(' ')
    const settings = await resolve(args)
    const patienceMs = Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1]) * msPerSecond
    assert.ok(patienceMs > parseDuration(settings['drain-delay'])! + parseDuration(settings['drain-timeout'])!)
  })
})

describe('the Dockerfile', () => {
  test('sets settings that there are, runs as nobody special, and asks a path that there is', async () => {
    const text = await readExample('docker/Dockerfile')
    const variables = [...text.matchAll(/\b(HOLDFAST_(?!VERSION)\w+)=(\S+)/g)].map(([, name = '', value = '']) => [name, value] as const)
    assert.ok(variables.length >= 4)
    for (const [name] of variables) assert.ok(settingNames.map(variableOf).includes(name), name)
    const settings = await resolve([], Object.fromEntries(variables))
    assert.match(text, new RegExp(`^EXPOSE ${String(settings.listen).split(':')[1]}$`, 'm'))
    assert.match(text, /^USER [1-9]\d*:[1-9]\d*$/m)
    const [, host, path = ''] = /fetch\('http:\/\/([^/]+)(\/\w+)'\)/.exec(text) ?? []
    assert.equal(host, settings.admin)
    await assertPaths([path])
    const { version } = JSON.parse(await readExample('../packages/holdfast-cli/package.json'))
    assert.match(text, new RegExp(`^ARG HOLDFAST_VERSION=${version}$`, 'm'))
  })
})

describe('the manifest for Kubernetes', () => {
  test('has settings, ports and paths that there are, and waits longer than it drains', async () => {
    const documents = parseAllDocuments(await readExample('kubernetes/gateway.yaml'))
    assert.deepEqual(
      documents.flatMap(({ errors }) => errors),
      [],
    )
    const [deployment, service] = documents.map((document) => document.toJS())
    assert.deepEqual([deployment.kind, service.kind], ['Deployment', 'Service'])
    const { spec } = deployment.spec.template
    const [container] = spec.containers
    const settings = await resolve(container.args)
    const portOf = (setting: string): number => Number(String(settings[setting]).split(':').at(-1))
    assert.deepEqual(container.ports, [
      { name: 'websocket', containerPort: portOf('listen') },
      { name: 'admin', containerPort: portOf('admin') },
    ])
    const { readinessProbe, livenessProbe, lifecycle } = container
    assert.deepEqual([readinessProbe.httpGet.port, livenessProbe.httpGet.port], ['admin', 'admin'])
    assert.deepEqual(
      service.spec.ports.map(({ targetPort }: any) => targetPort),
      ['websocket'],
    )
    assert.deepEqual(service.spec.selector, deployment.spec.template.metadata.labels)
    assert.deepEqual(deployment.spec.selector.matchLabels, deployment.spec.template.metadata.labels)
    const [, preStopSeconds] = lifecycle.preStop.exec.command
    const neededMs =
      Number(preStopSeconds) * msPerSecond + parseDuration(settings['drain-delay'])! + parseDuration(settings['drain-timeout'])!
    assert.ok(spec.terminationGracePeriodSeconds * msPerSecond > neededMs)
    assert.equal(spec.securityContext.runAsNonRoot, true)
    await assertPaths([readinessProbe.httpGet.path, livenessProbe.httpGet.path])
  })
})
