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
import { haproxy, nginx, startFront } from '../gateway/front.ts'
import { needs } from '../peers/requirement.ts'
import { startWs } from '../peers/ws.ts'
import { type Gateway, startGateway } from './child.ts'
import { readExample } from './example.ts'

const trusting = ['--trust-proxy', '127.0.0.1']
const hasty: ReconnectingWebSocketOptions = {
  resume: true,
  retry: { minDelay: 20, maxDelay: 200, maxRetries: 1_000 },
  // What a client says of where it comes from is not to be believed.
  headers: { 'X-Forwarded-For': '192.0.2.66', 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'evil.example' },
}
/** Of the client's own address, as the proxy says it, and that of the proxy, as the gateway sees it. */
const truth = { for: '127.0.0.1, 127.0.0.1', proto: 'http', host: '127.0.0.1' }

let folder = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-proxy-'))
})
after(() => rm(folder, { recursive: true }))

function forwarded(headers: Readonly<Record<string, unknown>> | undefined): typeof truth {
  const of = (name: string): string => String(headers?.[`x-forwarded-${name}`])
  return { for: of('for'), proto: of('proto'), host: of('host').replace(/:\d+$/, '') }
}

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
  function around(example: string): string {
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${kind};`).join('\n')
    const http = `access_log off;\n${temporary}\n${example}`
    return `daemon off;\nmaster_process off;\npid pid;\nerror_log stderr crit;\nevents {}\nhttp {\n${http}}\n`
  }

  test('is valid as it stands', async () => {
    const file = join(folder, 'nginx.conf')
    await writeFile(file, around(await readExample('nginx/holdfast.conf')))
    await promisify(execFile)('nginx', ['-t', '-e', 'stderr', '-p', folder, '-c', file])
  })

  test('lets sessions through, says where clients come from, and may be restarted under them', async () => {
    await using peer = await startWs()
    await using gateway = await startGateway('--upstream', peer.url, ...trusting)
    const example = await readExample('nginx/holdfast.conf', { 'server 127.0.0.1:8080;': `server 127.0.0.1:${portOf(gateway.url)};` })
    const configuration = (port: number): string => around(example.replace('listen 80;', `listen 127.0.0.1:${port};`))
    await using front = await startFront({ ...nginx, configuration }, 0, 0)
    await using socket = new ReconnectingWebSocket(`${front.url}/echo?x=1`, [], hasty)
    await socket.opened
    assert.equal(await echoed(socket, 'one'), 'one')
    const [{ path, headers } = {} as never] = peer.attempts
    assert.deepEqual([path, forwarded(headers)], ['/echo?x=1', truth])
    const resumed = once(socket, 'resumed')
    await front.restart()
    await resumed
    assert.equal(await echoed(socket, 'two'), 'two')
    assert.equal(peer.count('connected'), 1)
    assert.equal((await fetch(front.url.replace('ws:', 'http:'))).status, 426)
  })
})

describe('HAProxy before two gateways, as in examples/haproxy', needs('haproxy'), () => {
  test('is valid as it stands', async () => {
    const file = join(folder, 'haproxy.cfg')
    await writeFile(file, await readExample('haproxy/haproxy.cfg'))
    await promisify(execFile)('haproxy', ['-c', '-f', file])
  })

  test('sends clients to one of them, says where they come from, and to the other when the first one drains', async () => {
    await using peer = await startWs()
    await using one = await startGateway('--upstream', peer.url, ...trusting)
    await using two = await startGateway('--upstream', peer.url, ...trusting)
    const example = await readExample('haproxy/haproxy.cfg', {
      '127.0.0.1:8080 check port 9090': `127.0.0.1:${portOf(one.url)} check port ${portOf(one.admin)}`,
      '127.0.0.1:8081 check port 9091': `127.0.0.1:${portOf(two.url)} check port ${portOf(two.admin)}`,
    })
    const configuration = (port: number): string => example.replace('bind :80', `bind 127.0.0.1:${port}`)
    await using front = await startFront({ ...haproxy, configuration }, 0, 0)
    await using socket = new ReconnectingWebSocket(`${front.url}/echo?x=1`, [], hasty)
    await socket.opened
    assert.equal(await echoed(socket, 'one'), 'one')
    assert.deepEqual(forwarded(peer.attempts[0]?.headers), truth)

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
