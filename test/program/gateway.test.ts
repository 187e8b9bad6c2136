// `holdfast gateway`, as it is started by hand: its settings, its listeners, its certificate, its end.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer as createHttpServer, request } from 'node:http'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { type TLSSocket, connect as tlsConnect } from 'node:tls'
import { WebSocketServer } from 'ws'
import { gatewayRules } from '../../packages/holdfast/src/gateway/options.ts'
import { ReconnectingWebSocket } from '../../packages/holdfast/src/node.ts'
import { drainRules, type Rules, serverRules } from '../../packages/holdfast/src/server/options.ts'
import { resolveConfiguration } from '../../packages/holdfast-cli/src/gateway/configuration.ts'
import type { SettingName } from '../../packages/holdfast-cli/src/gateway/setting.ts'
import { type Certificate, createCertificate } from '../peers/certificate.ts'
import { dial, nextMessage, refusal } from '../peers/client.ts'
import { unusedPort } from '../peers/port.ts'
import { needs } from '../peers/requirement.ts'
import { startWs } from '../peers/ws.ts'
import { Child, type Gateway, startChaos, startGateway } from './child.ts'
import { records, run } from './program.ts'
import { Terminal } from './terminal.ts'

const upstream = 'ws://127.0.0.1:9'

describe('the settings of the gateway', { concurrency: true }, () => {
  let folder = ''
  const file = (name: string): string => join(folder, name)
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-gateway-'))
    await writeFile(file('gateway.yaml'), `upstream: ${upstream}\nhold: 3s\nbuffer: 3MiB\nmax-sessions: 3\n`)
    await writeFile(file('wrong.yaml'), `upstream: ${upstream}\nhodl: 3s\nbuffer: 3MB\n`)
    await writeFile(file('garbage.pem'), 'no certificate\n')
  })
  after(() => rm(folder, { recursive: true }))

  const lineOf = (stdout: string, key: string): string => stdout.split('\n').find((line) => line.startsWith(`${key}: `)) ?? ''

  test('come from flags, else the environment, else the file, else they have their defaults; --print-config tells', async () => {
    const env = { HOLDFAST_CONFIG: file('gateway.yaml'), HOLDFAST_HOLD: '2s', HOLDFAST_BUFFER: '2MiB', HOLDFAST_ADMIN_HOST: 'one two' }
    const { code, stdout, stderr } = await run(['gateway', '--hold', '1s', '--compression', '--print-config'], undefined, env)
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(lineOf(stdout, 'hold'), /^hold: 1s +# --hold$/)
    assert.match(lineOf(stdout, 'buffer'), /^buffer: 2MiB +# HOLDFAST_BUFFER$/)
    assert.match(lineOf(stdout, 'admin-host'), /^admin-host: \[one, two\] +# HOLDFAST_ADMIN_HOST$/)
    assert.match(lineOf(stdout, 'max-sessions'), /^max-sessions: 3 +# .*gateway\.yaml:4$/)
    assert.match(lineOf(stdout, 'compression'), /^compression: on +# --compression$/)
    assert.match(lineOf(stdout, 'heartbeat'), /^heartbeat: 30s +# default$/)
  })

  test('have the defaults of the library', () => {
    const flags = new Map([['upstream', { source: '--upstream', texts: [upstream] }]] as const)
    const { values } = resolveConfiguration({ flags, environment: new Map(), file: new Map() })
    const presetOf = (rules: Rules, path: string): unknown => {
      const [name = '', field] = path.split('.')
      const rule = rules[name]
      return field === undefined ? rule?.preset : rule?.fields?.[field]?.preset
    }
    const same: [SettingName, Rules, string][] = [
      ['hold', serverRules, 'session.ttl'],
      ['buffer', serverRules, 'session.maxBytes'],
      ['bufferMessages', serverRules, 'session.maxMessages'],
      ['maxBuffered', serverRules, 'session.maxTotalBytes'],
      ['maxSessions', serverRules, 'session.maxSessions'],
      ['heartbeat', serverRules, 'heartbeat.interval'],
      ['heartbeatTimeout', serverRules, 'heartbeat.timeout'],
      ['maxMessage', gatewayRules, 'maxPayload'],
      ['upstreamTimeout', gatewayRules, 'upstreamConnectTimeout'],
      ['upstreamHeartbeat', gatewayRules, 'upstreamHeartbeat.interval'],
      ['upstreamHeartbeatTimeout', gatewayRules, 'upstreamHeartbeat.timeout'],
      ['compression', gatewayRules, 'perMessageDeflate'],
      ['headerBytes', gatewayRules, 'limits.headerBytes'],
      ['headerCount', gatewayRules, 'limits.headerCount'],
      ['handshakeTimeout', gatewayRules, 'limits.handshakeTimeout'],
      ['maxHandshakes', serverRules, 'limits.maxHandshakes'],
      ['drainTimeout', drainRules, 'timeout'],
    ]
    for (const [setting, rules, option] of same) assert.equal(values[setting], presetOf(rules, option), `${setting}, ${option}`)
  })

  test('a switch that the file turns on can be turned off', async () => {
    const { stdout } = await run(['gateway', '--upstream', upstream, '--compression=off', '--print-config'], undefined, {
      HOLDFAST_COMPRESSION: 'on',
    })
    assert.match(lineOf(stdout, 'compression'), /^compression: off +# --compression$/)
  })

  test('what was probably meant as a variable is asked about', async () => {
    const { stderr } = await run(['gateway', '--upstream', upstream, '--print-config'], undefined, { HOLDFAST_HODL: '1s' })
    assert.match(stderr, /HOLDFAST_HODL in the environment is no setting; did you mean HOLDFAST_HOLD\?/)
  })

  test('what cannot be used is named with its source, its value and the rule, with 2', async () => {
    const wrong: [args: string[], words: RegExp, env?: NodeJS.ProcessEnv][] = [
      [[], /^error: there is no upstream; name the backend, such as --upstream ws:\/\/127\.0\.0\.1:9000\n$/],
      [['--upstrem', upstream], /unknown option '--upstrem'\n\(Did you mean --upstream\?\)/],
      [['--upstream', upstream, '--hold', '5x'], /^error: --hold is "5x"; it must be a number with its unit/],
      [['--upstream', upstream], /^error: HOLDFAST_HOLD is "5x"; it must be a number with its unit/, { HOLDFAST_HOLD: '5x' }],
      [
        ['--config', file('wrong.yaml')],
        /^error: .*wrong\.yaml:2: there is no setting "hodl"; did you mean hold\?\nerror: .*wrong\.yaml:3: buffer is "3MB"; it must be/,
      ],
      [['--config', file('none.yaml')], /^error: --config .*none\.yaml: ENOENT/],
      [['--upstream', upstream, '--upstream', `/=${upstream}`], /^error: two upstreams are for \//],
      [
        ['--upstream', upstream, '--listen', '9090', '--admin', '9090'],
        /^error: listen and admin are both 127\.0\.0\.1:9090; the admin listener is never on the public one/,
      ],
      [
        ['--upstream', upstream, '--admin', '0.0.0.0:9090'],
        /^error: admin is 0\.0\.0\.0:9090, which other machines reach; choose 127\.0\.0\.1/,
      ],
      [['--upstream', upstream, '--tls-cert', file('garbage.pem')], /^error: tls-cert and tls-key go together; tls-key is missing/],
      [['--upstream', upstream, '--tls-cert', file('none.pem'), '--tls-key', file('none.pem')], /^error: tls-cert cannot be read: ENOENT/],
      [
        ['--upstream', upstream, '--tls-cert', file('garbage.pem'), '--tls-key', file('garbage.pem')],
        /^error: .*garbage\.pem is no certificate and key that can be used: /,
      ],
      [
        ['--upstream', upstream, '--forward-header', 'connection'],
        /^error: option forwardHeaders has "connection", which concerns one hop only/,
      ],
      [
        ['--upstream', upstream, '--listen', 'unix:/nonexistent/gateway.sock'],
        /^error: listen unix:\/nonexistent\/gateway\.sock: .*(?:ENOENT|EACCES)/m,
      ],
    ]
    await Promise.all(
      wrong.map(async ([args, words, env]) => {
        const { code, stdout, stderr } = await run(['gateway', '--listen', '0', ...args], undefined, env)
        assert.deepEqual([code, stdout], [2, ''], stderr)
        assert.match(stderr, words)
      }),
    )
  })

  test('a port that is taken is named, with 2, for either listener', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    for (const [args, words] of [
      [['--listen', String(port)], new RegExp(`error: listen 127\\.0\\.0\\.1:${port}: this port is already in use; choose another`)],
      [
        ['--listen', '0', '--admin', String(port)],
        new RegExp(`error: admin 127\\.0\\.0\\.1:${port}: this port is already in use; choose another`),
      ],
    ] as const) {
      const { code, stderr } = await run(['gateway', '--upstream', upstream, ...args])
      assert.equal(code, 2)
      assert.match(stderr, words)
    }
    server.close()
  })

  test('help is no error, and shows every setting with its default', async () => {
    const { code, stdout } = await run(['gateway', '--help'])
    assert.equal(code, 0)
    assert.match(stdout, /--hold <duration> .*\(default: 300s\)/)
    assert.match(stdout, /--upstream <\[\/path=\]url> .*\(repeatable; default: required\)/)
  })
})

describe('the gateway', { concurrency: true }, () => {
  test('keeps a session while its link is away; its backend sees one connection', async () => {
    await using peer = await startWs()
    await using gateway = await startGateway('--upstream', peer.url)
    await using chaos = await startChaos(gateway.url)
    await using client = new Child('connect', '--resume', `${chaos.url}/echo`)
    client.write('one\n')
    await client.says(/^one\n/)
    await chaos.order('/refuse')
    await chaos.order('/reset')
    await client.says(/○ lost/, 'stderr')
    const [{ socket } = {} as never] = peer.connections
    socket.send('meanwhile')
    client.write('two\n')
    await chaos.order('/accept')
    await client.says(/^one\nmeanwhile\ntwo\n/)
    client.end()
    assert.equal(await client.exit, 0, client.stderr)
    assert.equal(peer.count('connected'), 1)
    assert.equal((await peer.waitFor('closed')).code, 1000)
  })

  test('sends each path to its own backend, and what no path is for away', async () => {
    await using one = await startWs()
    await using two = await startWs()
    await using gateway = await startGateway('--upstream', `/a=${one.url}`, '--upstream', `/a/b=${two.url}`)
    for (const path of ['/a', '/a/c?x=1', '/a/b', '/a/b/c']) await dial(`${gateway.url}${path}`).opened
    assert.deepEqual(
      one.attempts.map(({ path }) => path),
      ['/a', '/a/c?x=1'],
    )
    assert.deepEqual(
      two.attempts.map(({ path }) => path),
      ['/a/b', '/a/b/c'],
    )
    assert.equal((await refusal(`${gateway.url}/b`)).status, 404)
    assert.equal((await refusal(`${gateway.url}/ab`)).status, 404)
  })

  test('listens on a Unix socket, and reaches its backend over one', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-unix-'))
    const [path, backendPath, adminPath] = ['gateway.sock', 'backend.sock', 'admin.sock'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ]
    const http = createHttpServer().listen(backendPath)
    const backend = new WebSocketServer({ server: http })
    backend.on('connection', (socket, { url }) => socket.on('message', (data) => socket.send(`${url} ${data}`)))
    const args = ['gateway', '--listen', `unix:${path}`, '--upstream', `ws+unix:${backendPath}`, '--admin', `unix:${adminPath}`]
    // Killed, it leaves its sockets behind; the next one takes their place.
    await using killed = new Child(...args)
    await killed.says(/"url":"ws\+unix:/, 'stderr')
    killed.kill('SIGKILL')
    await killed.exit
    assert.ok(existsSync(path))
    await using child = new Child(...args)
    await child.says(/"url":"ws\+unix:/, 'stderr')
    const { socket, opened } = dial(`ws+unix:${path}:/echo?x=1`)
    await opened
    socket.send('hello')
    assert.equal(String((await nextMessage(socket)).data), '/echo?x=1 hello')
    const asked = request({ socketPath: adminPath, path: '/readyz' }).end()
    assert.equal((await once(asked, 'response'))[0].statusCode, 200)
    const second = await run(args)
    assert.equal(second.code, 2)
    assert.match(second.stderr, /admin unix:.*admin\.sock: this path is already in use; choose another/)
    socket.close()
    child.kill('SIGTERM')
    assert.equal(await child.exit, 0)
    assert.ok(!existsSync(path) && !existsSync(adminPath))
    backend.close()
    http.close()
    await rm(folder, { recursive: true })
  })

  test('writes no data to its log: no messages, no queries, no credentials', async () => {
    await using peer = await startWs()
    await using gateway = await startGateway('--upstream', peer.url.replace('//', '//user:backendword@'), '--log-level', 'debug')
    const { socket, opened } = dial(`${gateway.url}/echo?token=queryword`, [], {
      headers: { Authorization: 'Bearer headerword', Cookie: 'id=cookieword' },
    })
    await opened
    socket.send('messageword')
    await nextMessage(socket)
    socket.close()
    await peer.waitFor('closed')
    await refusal(`${gateway.url}/refuse?status=503&token=queryword`)
    gateway.child.kill('SIGTERM')
    await gateway.child.exit
    const { stderr } = gateway.child
    assert.match(stderr, /"path":"\/echo"/)
    assert.match(stderr, /"upstreams":\["ws:\/\/user:…@/)
    assert.doesNotMatch(stderr, /word/)
    for (const line of records(stderr)) assert.equal(typeof line.msg, 'string')
  })
})

describe('the limits of the gateway', { concurrency: true }, () => {
  /** The status line of the answer to a request that `head` begins. */
  async function answerTo({ url }: Gateway, head: string): Promise<string> {
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    socket.write(head)
    const answer = await text(socket)
    return answer.split('\r\n', 1)[0]!
  }
  const upgrade = 'GET /echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
  const rest = 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'

  test('are for the size of the headers, their number, and the time that a request may take', async () => {
    await using peer = await startWs()
    await using gateway = await startGateway(
      ...['--upstream', peer.url, '--header-bytes', '1KiB', '--header-count', '10', '--handshake-timeout', '1s'],
    )
    assert.match(await answerTo(gateway, `${upgrade}X-Long: ${'x'.repeat(1_100)}\r\n${rest}`), /^HTTP\/1\.1 431 /)
    assert.match(await answerTo(gateway, `${upgrade}${'X-Many: x\r\n'.repeat(6)}${rest}`), /^HTTP\/1\.1 431 /)
    assert.match(await answerTo(gateway, upgrade), /^HTTP\/1\.1 408 /)
    assert.equal(peer.attempts.length, 0)
  })

  test('are for origins, messages, and the sessions that there may be', async () => {
    await using peer = await startWs()
    await using gateway = await startGateway(
      ...[
        '--upstream',
        peer.url,
        '--origin',
        'https://a.example',
        '--origin',
        'https://b.example',
        '--max-message',
        '1KiB',
        '--max-sessions',
        '1',
      ],
    )
    for (const origin of ['https://a.example', 'https://b.example']) await dial(`${gateway.url}/echo`, [], { origin }).opened
    const stranger = dial(`${gateway.url}/echo`, [], { origin: 'https://c.example' })
    assert.match(String((await once(stranger.socket, 'error'))[0]), /403/)
    const { socket, opened, closed } = dial(`${gateway.url}/echo`)
    await opened
    socket.send('x'.repeat(1_025))
    assert.equal((await closed).code, 1009)
    await using first = new ReconnectingWebSocket(`${gateway.url}/echo`, [], { resume: true })
    await first.opened
    await using second = new ReconnectingWebSocket(`${gateway.url}/echo`, [], { resume: true })
    await once(second, 'retry')
    await using limited = await startGateway('--upstream', peer.url, '--max-per-address', '1')
    await dial(`${limited.url}/echo`).opened
    assert.equal((await refusal(`${limited.url}/echo`)).status, 429)
  })

  test('let chosen headers through, and no others', async () => {
    await using peer = await startWs()
    await using gateway = await startGateway('--upstream', peer.url, '--forward-header', 'X-Tenant')
    await dial(`${gateway.url}/echo`, [], { headers: { 'X-Tenant': 'a', 'X-Other': 'b', Cookie: 'c=1' } }).opened
    const [{ headers } = {} as never] = peer.attempts
    assert.deepEqual([headers['x-tenant'], headers['x-other'], headers.cookie], ['a', undefined, 'c=1'])
  })
})

describe('the admin listener', { concurrency: true }, () => {
  test('is not on the public one, which serves WebSockets only', async () => {
    await using peer = await startWs()
    await using gateway = await startGateway('--upstream', peer.url)
    for (const path of ['/livez', '/readyz', '/metrics', '/api/sessions'])
      assert.equal((await fetch(`${gateway.url.replace('ws:', 'http:')}${path}`)).status, 426)
    assert.equal((await fetch(`${gateway.url.replace('ws:', 'http:')}/api/drain`, { method: 'POST' })).status, 426)
    assert.equal((await fetch(`${gateway.admin}/readyz`)).status, 200)
  })

  test('shows who is there, without keys, and metrics that count', async () => {
    await using peer = await startWs()
    await using gateway = await startGateway('--upstream', peer.url)
    await using chaos = await startChaos(gateway.url)
    const before = Date.now()
    const plain = dial(`${gateway.url}/echo`)
    await plain.opened
    await using socket = new ReconnectingWebSocket(`${chaos.url}/echo`, [], { resume: true })
    await socket.opened
    const sessions = async (): Promise<any[]> => (await (await fetch(`${gateway.admin}/api/sessions`)).json()).sessions
    const shown = await sessions()
    assert.equal(shown.length, 2)
    const own = shown.find(({ session }) => session !== null)
    assert.deepEqual(Object.keys(own).sort(), ['attached', 'bufferedBytes', 'remote', 'session', 'since', 'upstream'])
    assert.match(own.session, /^[\w-]{6}$/)
    assert.deepEqual([own.attached, own.bufferedBytes, own.remote, own.upstream], [true, 0, '127.0.0.1', new URL(peer.url).host])
    assert.ok(own.since >= before && own.since <= Date.now())
    await chaos.order('/refuse')
    await chaos.order('/reset')
    await gateway.child.says(/session lost/, 'stderr')
    const away = (await sessions()).find(({ session }) => session !== null)
    assert.deepEqual([away.attached, away.remote], [false, '127.0.0.1'])
    await chaos.order('/accept')
    const metrics = await (await fetch(`${gateway.admin}/metrics`)).text()
    assert.match(metrics, /^holdfast_upstreams 2$/m)
    assert.match(metrics, /^holdfast_upstream_dials_total\{result="open"\} 2$/m)
    assert.match(metrics, /^holdfast_sessions\{server="gateway",state="detached"\} 1$/m)
    assert.match(metrics, /^holdfast_links_opened_total\{server="gateway",kind="plain"\} 1$/m)
    assert.match(metrics, /^process_cpu_seconds_total /m)
  })

  test('counts backends that refuse, are not there, or go first, and tells the client so', async () => {
    await using peer = await startWs()
    const none = await unusedPort()
    await using gateway = await startGateway('--upstream', peer.url, '--upstream', `/none=ws://127.0.0.1:${none}`)
    assert.equal((await refusal(`${gateway.url}/refuse?status=403`)).status, 403)
    assert.equal((await refusal(`${gateway.url}/none`)).status, 502)
    assert.equal((await refusal(`${gateway.url}/none`)).status, 502)
    assert.deepEqual(await dial(`${gateway.url}/close?code=4001&reason=enough`).closed, { code: 4001, reason: 'enough' })
    assert.equal((await dial(`${gateway.url}/close?code=0`).closed).code, 1014)
    const metrics = await (await fetch(`${gateway.admin}/metrics`)).text()
    for (const [name, count] of [
      ['upstream_dials_total{result="open"}', 2],
      ['upstream_dials_total{result="refused"}', 1],
      ['upstream_dials_total{result="unreachable"}', 2],
      ['upstreams_ended_total{cause="upstream"}', 1],
      ['upstreams_ended_total{cause="network"}', 1],
    ] as const)
      assert.ok(metrics.includes(`\nholdfast_${name} ${count}\n`), `${name} ${count}`)
    assert.match(
      gateway.child.stderr,
      /"upstream":"127\.0\.0\.1:\d+","path":"\/none","cause":"unreachable","status":502,"error":"connect ECONNREFUSED/,
    )
  })

  test('drains at a POST as SIGTERM does', async () => {
    await using peer = await startWs()
    await using gateway = await startGateway('--upstream', peer.url)
    const { opened, closed } = dial(`${gateway.url}/echo`)
    await opened
    const response = await fetch(`${gateway.admin}/api/drain`, { method: 'POST' })
    assert.deepEqual([response.status, await response.json()], [202, { state: 'draining' }])
    assert.equal((await closed).code, 1012)
    assert.equal(await gateway.child.exit, 0)
  })
})

describe('the end of the gateway', { concurrency: true }, () => {
  test('at SIGTERM: sessions end in order with 1012, backends with 1001, and 0', async () => {
    await using peer = await startWs()
    await using gateway = await startGateway('--upstream', peer.url)
    await using socket = new ReconnectingWebSocket(`${gateway.url}/echo`, [], { resume: true })
    await socket.opened
    socket.send('one')
    const [[{ data }]] = (await Promise.all([once(socket, 'message'), socket.sendAsync('two')])) as any[]
    const closed = once(socket, 'close')
    gateway.child.kill('SIGTERM')
    const [{ code, wasClean, unconfirmed }] = (await closed) as any[]
    assert.deepEqual([data, code, wasClean, unconfirmed], ['one', 1012, true, []])
    assert.equal(await gateway.child.exit, 0)
    assert.equal((await peer.waitFor('closed')).code, 1001)
    assert.match(gateway.child.stderr, /"migrated":0,"closed":1,"forced":0,"msg":"holdfast: drained"/)
  })

  for (const [signal, expected] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const) {
    test(`is not ready first, for as long as the delay, but serves; a second signal, ${signal}, is at once, with ${expected}`, async () => {
      await using peer = await startWs()
      await using gateway = await startGateway('--upstream', peer.url, '--drain-delay', '1h')
      const early = dial(`${gateway.url}/echo`)
      await early.opened
      gateway.child.kill('SIGTERM')
      await gateway.child.says(/"msg":"draining"/, 'stderr')
      const ready = await fetch(`${gateway.admin}/readyz`)
      assert.deepEqual([ready.status, await ready.text()], [503, 'draining\n'])
      // Who comes by an old list of backends is not turned away.
      const late = dial(`${gateway.url}/echo`)
      await late.opened
      for (const { socket } of [early, late]) {
        socket.send('still served')
        assert.equal(String((await nextMessage(socket)).data), 'still served')
      }
      gateway.child.kill(signal)
      assert.equal(await gateway.child.exit, expected)
    })
  }

  test('with nobody there is at once, with 0', async () => {
    await using gateway = await startGateway('--upstream', upstream)
    gateway.child.kill('SIGINT')
    assert.equal(await gateway.child.exit, 0)
  })
})

describe('the certificate of the gateway', { ...needs('openssl'), concurrency: true }, () => {
  const certificates: Certificate[] = []
  let folder = ''
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-tls-'))
    certificates.push(await createCertificate(), await createCertificate())
  })
  after(() => rm(folder, { recursive: true }))

  /** Whether a client that trusts this authority is served. */
  async function isTrusted(url: string, { ca }: Certificate): Promise<boolean> {
    const socket: TLSSocket = tlsConnect({ host: '127.0.0.1', port: Number(new URL(url).port), ca })
    try {
      await once(socket, 'secureConnect')
      return true
    } catch {
      return false
    } finally {
      socket.destroy()
    }
  }

  test('is read again at SIGHUP: nobody is dropped, a broken one is a line in the log, and the old one stays', async () => {
    const [first, second] = certificates as [Certificate, Certificate]
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
    const install = async (given: Certificate): Promise<unknown> => Promise.all([writeFile(cert, given.cert), writeFile(key, given.key)])
    await install(first)
    await using peer = await startWs()
    await using gateway = await startGateway('--upstream', peer.url, '--tls-cert', cert, '--tls-key', key)
    assert.match(gateway.url, /^wss:/)
    await using socket = new ReconnectingWebSocket(`${gateway.url}/echo`, [], { resume: true, wsOptions: { ca: first.ca } })
    await socket.opened
    assert.deepEqual([await isTrusted(gateway.url, first), await isTrusted(gateway.url, second)], [true, false])

    await install(second)
    gateway.child.kill('SIGHUP')
    await gateway.child.says(/"msg":"certificate reloaded"/, 'stderr')
    assert.deepEqual([await isTrusted(gateway.url, first), await isTrusted(gateway.url, second)], [false, true])

    await writeFile(key, first.key)
    gateway.child.kill('SIGHUP')
    await gateway.child.says(
      /cert\.pem with .*key\.pem is no certificate and key that can be used: .*"msg":"certificate not reloaded; the old one stays"/,
      'stderr',
    )
    assert.deepEqual([await isTrusted(gateway.url, first), await isTrusted(gateway.url, second)], [false, true])

    socket.send('still here')
    const [{ data }] = (await once(socket, 'message')) as any[]
    assert.equal(data, 'still here')
    assert.deepEqual([socket.stats.links, peer.count('connected')], [1, 1])
  })

  test('is nothing to read again where there is none', async () => {
    await using gateway = await startGateway('--upstream', upstream)
    gateway.child.kill('SIGHUP')
    await gateway.child.says(/"msg":"nothing to reload: there is no certificate"/, 'stderr')
    assert.equal((await fetch(`${gateway.admin}/livez`)).status, 200)
  })
})

describe('the gateway on a terminal', needs('tmux'), () => {
  test('writes lines for people, and drains when the terminal is closed', async () => {
    await using peer = await startWs()
    let closed: Promise<{ code: number }>
    {
      await using terminal = await Terminal.start(['gateway', '--listen', '0', '--upstream', peer.url])
      const shown = await terminal.shows(/INFO: listening \{"url":"ws:\/\/127\.0\.0\.1:\d+"/)
      const client = dial(`${/ws:[^"]+/.exec(shown)?.[0]}/echo`)
      await client.opened
      closed = client.closed
    }
    assert.equal((await closed).code, 1012)
  })
})
