// The configurations of examples/ for nginx and HAProxy, before gateways that run.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { ReconnectingWebSocket, type ReconnectingWebSocketOptions } from '../../packages/holdfast/src/node.ts'
import { unusedPort } from '../peers/port.ts'
import { needs } from '../peers/requirement.ts'
import { startWs } from '../peers/ws.ts'
import { type Gateway, startGateway } from './child.ts'
import { Daemon, readExample } from './example.ts'

const hasty: ReconnectingWebSocketOptions = {
  resume: true,
  retry: { minDelay: 20, maxDelay: 200, maxRetries: 1_000 },
  // What a client says of where it comes from is not to be believed.
  headers: { 'X-Forwarded-For': '192.0.2.66', 'X-Forwarded-Proto': 'https' },
}

let folder = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-proxy-'))
})
after(() => rm(folder, { recursive: true }))

async function echoed(socket: ReconnectingWebSocket, text: string): Promise<string> {
  socket.send(text)
  const [{ data }] = (await once(socket, 'message')) as any[]
  return data
}

function portOf(url: string): string {
  return new URL(url).port
}

describe('nginx before the gateway, as in examples/nginx', needs('nginx'), () => {
  /** The example belongs into an http block; around it is what keeps this nginx to itself. */
  async function configure(name: string, example: string): Promise<string[]> {
    const path = join(folder, name)
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${path}-${kind};`).join('\n')
    const http = `access_log off;\n${temporary}\n${example}`
    await writeFile(path, `daemon off;\nmaster_process off;\npid ${path}.pid;\nerror_log stderr;\nevents {}\nhttp {\n${http}}\n`)
    return ['-p', folder, '-c', path]
  }

  test('is valid as it stands', async () => {
    const { stderr } = await promisify(execFile)('nginx', [
      '-t',
      ...(await configure('nginx.conf', await readExample('nginx/holdfast.conf'))),
    ])
    assert.match(stderr, /test is successful/)
  })

  test('lets sessions through, says where clients come from, and may be restarted under them', async () => {
    await using peer = await startWs()
    await using gateway = await startGateway('--upstream', peer.url, '--trust-proxy', '127.0.0.1')
    const port = await unusedPort()
    const example = await readExample('nginx/holdfast.conf', {
      'listen 80;': `listen 127.0.0.1:${port};`,
      'server 127.0.0.1:8080;': `server 127.0.0.1:${portOf(gateway.url)};`,
    })
    const args = await configure('filled.conf', example)
    let nginx = await Daemon.start(port, 'nginx', ...args)
    try {
      await using socket = new ReconnectingWebSocket(`ws://127.0.0.1:${port}/echo?x=1`, [], hasty)
      await socket.opened
      assert.equal(await echoed(socket, 'one'), 'one')
      const [{ path, headers } = {} as never] = peer.attempts
      assert.equal(path, '/echo?x=1')
      assert.deepEqual([headers['x-forwarded-for'], headers['x-forwarded-proto']], ['127.0.0.1, 127.0.0.1', 'http'])
      const lost = once(socket, 'lost')
      await nginx[Symbol.asyncDispose]()
      await lost
      const resumed = once(socket, 'resumed')
      nginx = await Daemon.start(port, 'nginx', ...args)
      await resumed
      assert.equal(await echoed(socket, 'two'), 'two')
      assert.equal(peer.count('connected'), 1)
      assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 426)
    } finally {
      await nginx[Symbol.asyncDispose]()
    }
  })
})

describe('HAProxy before two gateways, as in examples/haproxy', needs('haproxy'), () => {
  test('is valid as it stands', async () => {
    const path = join(folder, 'haproxy.cfg')
    await writeFile(path, await readExample('haproxy/haproxy.cfg'))
    await promisify(execFile)('haproxy', ['-c', '-f', path])
  })

  test('sends clients to one of them, says where they come from, and to the other when the first one drains', async () => {
    await using peer = await startWs()
    await using one = await startGateway('--upstream', peer.url, '--trust-proxy', '127.0.0.1')
    await using two = await startGateway('--upstream', peer.url, '--trust-proxy', '127.0.0.1')
    const port = await unusedPort()
    const path = join(folder, 'filled.cfg')
    const example = await readExample('haproxy/haproxy.cfg', {
      'bind :80': `bind 127.0.0.1:${port}`,
      '127.0.0.1:8080 check port 9090': `127.0.0.1:${portOf(one.url)} check port ${portOf(one.admin)}`,
      '127.0.0.1:8081 check port 9091': `127.0.0.1:${portOf(two.url)} check port ${portOf(two.admin)}`,
    })
    await writeFile(path, example)
    await using _haproxy = await Daemon.start(port, 'haproxy', '-db', '-f', path)
    await using socket = new ReconnectingWebSocket(`ws://127.0.0.1:${port}/echo?x=1`, [], hasty)
    await socket.opened
    assert.equal(await echoed(socket, 'one'), 'one')
    const [{ headers } = {} as never] = peer.attempts
    assert.deepEqual([headers['x-forwarded-for'], headers['x-forwarded-proto']], ['127.0.0.1, 127.0.0.1', 'http'])

    const [holder, other] = (await clientsOf(one)).length === 1 ? [one, two] : [two, one]
    const closed = once(socket, 'close')
    await fetch(`${holder.admin}/api/drain`, { method: 'POST' })
    const [{ code, willReconnect }] = (await closed) as any[]
    assert.deepEqual([code, willReconnect], [1012, true])
    assert.equal(await holder.child.exit, 0)
    await socket.opened
    assert.equal(await echoed(socket, 'two'), 'two')
    assert.equal((await clientsOf(other)).length, 1)
  })
})

async function clientsOf({ admin }: Gateway): Promise<unknown[]> {
  const { sessions } = (await (await fetch(`${admin}/api/sessions`)).json()) as { sessions: unknown[] }
  return sessions
}
