// `holdfast connect`, through pipes and on a terminal.

import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { createCertificate } from '../peers/certificate.ts'
import { unusedPort } from '../peers/port.ts'
import { needs } from '../peers/requirement.ts'
import { startWs } from '../peers/ws.ts'
import { Child, startChaos, startServe } from './child.ts'
import { records, run } from './program.ts'
import { Terminal } from './terminal.ts'

/** Shorter than the program's own, for tests that see how it gives up. */
const hasty = ['-o', 'retry.minDelay=10ms', '-o', 'retry.maxDelay=10ms', '-o', 'retry.maxRetries=2']

describe('through pipes', { concurrency: true }, () => {
  test('each line is a message, each message a line, and the end of stdin closes in order', async () => {
    await using served = await startServe()
    await using child = new Child('connect', `${served.url}/echo`, '--wait', '5s')
    const lines = Array.from({ length: 1_000 }, (_, index) => `${index + 1}\n`).join('')
    child.end(lines)
    assert.equal(await child.exit, 0, child.stderr)
    assert.equal(child.stdout, lines)
    assert.match(child.stderr, /^● open {5}ws:\/\/127.* {2}handshake .* ms\n■ closed {3}1000\n$/)
    await served.child.says(/"code":1000,/)
  })

  test('a last line without a line feed is sent, empty lines are, and carriage returns are not', async () => {
    await using served = await startServe()
    await using child = new Child('connect', served.url, '--json')
    child.end('one\r\n\nlast')
    assert.equal(await child.exit, 0)
    const sent = records(child.stdout).filter(({ event }) => event === 'sent')
    assert.deepEqual(
      sent.map(({ data }) => data),
      ['one', '', 'last'],
    )
  })

  test('-x sends instead of stdin, and --json tells everything', async () => {
    await using served = await startServe()
    await using child = new Child('connect', served.url, '-x', 'one', '-x', 'two', '--json')
    assert.equal(await child.exit, 0)
    const told = records(child.stdout)
    assert.deepEqual([told[0]?.event, told.at(-1)?.event, told.at(-1)?.exitCode], ['open', 'end', 0])
    const texts = (wanted: string) => told.filter(({ event }) => event === wanted).map(({ data }) => data)
    assert.deepEqual(
      [texts('sent'), texts('message')],
      [
        ['one', 'two'],
        ['one', 'two'],
      ],
    )
    assert.equal(child.stderr, '')
  })

  test('bytes arrive as base64, told apart in JSON', async () => {
    await using peer = await startWs()
    peer.server.on('connection', (socket) => socket.send(Buffer.from([0, 1, 255])))
    await using plain = new Child('connect', `${peer.url}/x`, '-x', 'hello')
    await using json = new Child('connect', `${peer.url}/x`, '-x', 'hello', '--json')
    await Promise.all([plain.exit, json.exit])
    assert.equal(plain.stdout, 'base64:AAH/\n')
    assert.equal(records(json.stdout).find(({ event }) => event === 'message')?.base64, 'AAH/')
  })

  test('headers, subprotocols and options reach the server and the library', async () => {
    await using peer = await startWs()
    const headers = ['-H', 'Authorization: Bearer x', '-H', 'X-Two: a', '-H', 'x-two: b']
    const { code, stderr } = await run(['connect', `${peer.url}/echo?protocol=chat`, ...headers, '-s', 'talk', '-s', 'chat', '-x', 'hello'])
    assert.equal(code, 0, stderr)
    const { authorization, 'x-two': two, 'sec-websocket-protocol': protocols } = peer.attempts[0]!.headers
    assert.deepEqual([authorization, two, protocols], ['Bearer x', 'a, b', 'talk,chat'])
    assert.match(stderr, /subprotocol chat/)
  })

  test('the loss of a link is told, and what it had taken makes it end with 5', async () => {
    await using served = await startServe()
    await using chaos = await startChaos(served.url)
    await using child = new Child('connect', `${chaos.url}/echo`, '-o', 'retry.minDelay=10ms')
    child.write('before\n')
    await child.says(/before/)
    await chaos.order('/reset')
    await child.says(/● open {5}again, down .* s {2}handshake/, 'stderr')
    child.write('after\n')
    await child.says(/after/)
    child.end()
    assert.equal(await child.exit, 5)
    assert.match(child.stderr, /○ lost {5}network after .* s; retry 1 in .* s; 1 sent may be missing\n/)
    assert.match(child.stderr, /\n1 message went into a link that died, and may or may not have arrived\n$/)
  })

  test('a message that a later ping confirmed is not missing when the link dies', async () => {
    await using served = await startServe()
    await using chaos = await startChaos(served.url)
    await using child = new Child(
      'connect',
      `${chaos.url}/echo`,
      '--json',
      ...['-o', 'heartbeat.interval=100ms', '-o', 'heartbeat.timeout=20s', '-o', 'retry.minDelay=10ms'],
    )
    child.write('one\n')
    await child.says(/"event":"message"[\s\S]*"event":"pong"/)
    await chaos.order('/reset')
    await child.says(/"event":"lost"[\s\S]*"event":"open"/)
    child.end()
    assert.equal(await child.exit, 0, child.stdout)
  })

  test('what is read while no link is there goes into the next one', async () => {
    await using served = await startServe()
    await using chaos = await startChaos(served.url)
    await chaos.order('/refuse')
    await using child = new Child(
      'connect',
      `${chaos.url}/echo`,
      '-o',
      'retry.minDelay=20ms',
      '-o',
      'retry.maxDelay=20ms',
      '-o',
      'retry.maxRetries=Infinity',
    )
    child.end('early\n')
    await child.says(/◌ no link {2}network: .*ECONNREFUSED.*; retry 1 /, 'stderr')
    await chaos.order('/accept')
    assert.equal(await child.exit, 0)
    assert.equal(child.stdout, 'early\n')
  })

  test('a server that closes for good ends it: 0 after 1000, 1 after another final code', async () => {
    await using peer = await startWs()
    const [normal, policy] = await Promise.all([
      run(['connect', `${peer.url}/close?code=1000`, '--wait', 'forever']),
      run(['connect', `${peer.url}/close?code=1008&reason=go+away`, '--wait', 'forever']),
    ])
    assert.deepEqual([normal.code, policy.code], [0, 1])
    assert.match(policy.stderr, /■ closed {3}by the server, 1008 \(go away\)\n/)
  })

  test('messages that never left are told, with 1', async () => {
    await using peer = await startWs()
    peer.server.on('connection', (socket) => socket.once('message', () => socket.close(1000)))
    await using child = new Child('connect', `${peer.url}/x`, '--wait', 'forever')
    child.write('one\n')
    const url = `ws://127.0.0.1:${await unusedPort()}`
    const { code, stderr } = await run(['connect', url, ...hasty, '-x', 'one', '-x', 'two'])
    assert.equal(code, 1)
    assert.match(stderr, /■ gave up {2}after 3 dials; .*\n2 messages never left\n$/)
    assert.equal(await child.exit, 0)
  })

  test('a handshake that is refused ends it with 4, and the status', async () => {
    await using peer = await startWs()
    const { code, stderr } = await run(['connect', `${peer.url}/refuse?status=403`])
    assert.equal(code, 4)
    assert.match(stderr, /■ closed {3}the server refused the handshake with HTTP 403; another dial would not help/)
  })

  test('--timeout ends it with 124', async () => {
    await using peer = await startWs()
    const { code, stderr } = await run(['connect', `${peer.url}/hang`, '--timeout', '1s'])
    assert.equal(code, 124)
    assert.match(stderr, /timed out after 1 s \(--timeout\)/)
  })

  for (const [signal, expected] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)
    test(`${signal} closes in order and ends it with ${expected}`, async () => {
      await using served = await startServe()
      await using child = new Child('connect', served.url)
      await child.says(/● open/, 'stderr')
      child.kill(signal)
      assert.equal(await child.exit, expected)
      await served.child.says(/"event":"closed".*"code":1000/)
    })

  test('a reader who leaves ends it quietly', async () => {
    await using served = await startServe()
    await using child = new Child('connect', `${served.url}/feed?every=10ms`)
    await child.says(/\d\n/)
    child.closeStdout()
    assert.equal(await child.exit, 0)
    assert.doesNotMatch(child.stderr, /EPIPE/)
  })
})

describe('over TLS', needs('openssl'), () => {
  test('a private authority is trusted with --ca, and anybody with --insecure', async () => {
    const { ca, cert, key } = await createCertificate()
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-connect-'))
    try {
      const file = join(folder, 'ca.pem')
      await writeFile(file, ca)
      await using peer = await startWs({ tls: { key, cert } })
      const url = `${peer.url.replace(/^ws:/, 'wss:')}/echo`
      const [bare, trusted, insecure] = await Promise.all([
        run(['connect', url, '-x', 'hello', ...hasty]),
        run(['connect', url, '-x', 'hello', '--ca', file]),
        run(['connect', url, '-x', 'hello', '-k']),
      ])
      assert.deepEqual([bare.code, trusted.code, insecure.code], [1, 0, 0])
      assert.match(bare.stderr, /certificate.*--ca <file> trusts a certificate authority/)
      assert.deepEqual([trusted.stdout, insecure.stdout], ['hello\n', 'hello\n'])
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

describe('what connect cannot use is named, with 2', { concurrency: true }, () => {
  const url = 'ws://127.0.0.1:1/'
  const wrong: [args: string[], words: RegExp][] = [
    [['127.0.0.1:8080'], /'127\.0\.0\.1:8080' is invalid for argument 'url'.*Did you mean ws:\/\/127\.0\.0\.1:8080\?/],
    [['ftp://x/'], /a WebSocket url begins with ws:\/\/ or wss:\/\//],
    [[url, '-o', 'retry.maxRetrys=3'], /^error: --option: unknown option retry\.maxRetrys \(3\); known are minDelay, /],
    [[url, '-o', 'heartbeat.interval=soon'], /^error: --option: option heartbeat\.interval is "soon"; it must be a number of milliseconds/],
    [[url, '-o', 'retry'], /argument 'retry' is invalid\. Accepted is key=value, such as heartbeat\.interval=5s/],
    [[url, '-o', 'retry=false', '-o', 'retry.factor=2'], /retry is false already/],
    [[url, '-H', 'nonsense'], /'-H, --header <line>' argument 'nonsense' is invalid\. Accepted is 'Name: value'/],
    [[url, '-H', 'Sec-WebSocket-Protocol: chat'], /belongs to the handshake; use --subprotocol/],
    [[url, '-s', 'a b'], /^error: --subprotocol: "a b" is not a subprotocol/],
    [[url, '-w', '5'], /'-w, --wait <duration>' argument '5' is invalid\. Accepted is a number with its unit, .* or "forever"/],
    [[url, '--timeout', 'never'], /'--timeout <duration>' argument 'never' is invalid/],
    [[url, '--ca', '/nowhere/ca.pem'], /^error: --ca \/nowhere\/ca\.pem: ENOENT/],
    [[url, '--jsn'], /unknown option '--jsn'\n\(Did you mean --json\?\)/],
    [[], /missing required argument 'url'/],
  ]
  for (const [args, words] of wrong)
    test(args.join(' ') || 'nothing at all', async () => {
      const { code, stdout, stderr } = await run(['connect', ...args])
      assert.deepEqual([code, stdout], [2, ''])
      assert.match(stderr, words)
    })
})

describe('on a terminal', { ...needs('tmux'), concurrency: true }, () => {
  const type = async (terminal: Terminal, line: string): Promise<void> => {
    if (line !== '') await terminal.press(line)
    await terminal.press('Enter')
  }

  test('what is typed is sent, and a slash gives orders', async () => {
    await using served = await startServe()
    await using terminal = await Terminal.start(['connect', `${served.url}/echo`, '-o', 'heartbeat.interval=200ms'])
    await terminal.shows(/● open/)
    await type(terminal, 'hello')
    await terminal.shows(/\n> hello\n[\s\S]*< hello\n/)
    await type(terminal, '//slash')
    await terminal.shows(/< \/slash\n/)
    await type(terminal, '/pnig')
    await terminal.shows(/there is no \/pnig; did you mean \/ping\?/)
    await type(terminal, '/help')
    await terminal.shows(/\/close \[code\] \[reason\] +say goodbye/)
    await type(terminal, '/status')
    await terminal.shows(/ {2}open for .* s.* {2}ws:[\s\S]*2 sent, 2 received, 0 bytes wait/)
    await type(terminal, '/reconnect')
    await terminal.shows(/○ lost {5}replaced by a fresh link, as asked[\s\S]*● open {5}again/)
    await type(terminal, '/close 1001')
    await terminal.shows(/close code 1001 is not for applications/)
    await type(terminal, '/close 4000 see you')
    await terminal.shows(/■ closed {3}4000 \(see you\)\n[\s\S]*exit=0\n *icanon echo\n/)
    await served.child.says(/"code":4000,"reason":"see you"/)
  })

  test('/ping shows the last round trip, and when it was measured', async () => {
    await using served = await startServe()
    await using silent = await Terminal.start(['connect', `${served.url}/echo`])
    await silent.shows(/● open/)
    await type(silent, '/ping')
    await silent.shows(/no ping was answered yet/)
    await using terminal = await Terminal.start(['connect', `${served.url}/echo`, '-o', 'heartbeat.interval=50ms'])
    await terminal.shows(/● open/)
    for (let isMeasured = false; !isMeasured; ) {
      await type(terminal, '/ping')
      isMeasured = /rtt .* ms, measured/.test(await terminal.shows(/no ping was answered yet|rtt .* ms, measured .* s ago/))
    }
  })

  test('what is half typed survives what is shown meanwhile, and control characters are written out', async () => {
    await using peer = await startWs()
    await using terminal = await Terminal.start(['connect', `${peer.url}/x`])
    await terminal.shows(/● open/)
    await terminal.press('half')
    await terminal.shows(/> half\n/)
    peer.connections[0]!.socket.send('\u001b[2Jgone')
    await terminal.shows(/< \\x1b\[2Jgone\n> half\n/)
    await terminal.press(' line')
    await terminal.press('Enter')
    await peer.connections[0]!.socket.close(1000)
    await terminal.shows(/> half line\n[\s\S]*exit=0/)
  })

  test('after giving up it offers another try, which Enter takes and q declines', async () => {
    const port = await unusedPort()
    await using terminal = await Terminal.start(['connect', `ws://127.0.0.1:${port}/echo`, ...hasty])
    await terminal.shows(/■ gave up {2}after 3 dials[\s\S]*Nobody answers\. Enter tries again, q quits:/)
    await type(terminal, 'hello')
    await terminal.shows(/Not sent: there is no connection/)
    await using peer = await startWs({ port })
    await type(terminal, '')
    await terminal.shows(/● open {5}ws:/)
    await peer[Symbol.asyncDispose]()
    await terminal.shows(/gave up[\s\S]*gave up/)
    await type(terminal, 'q')
    await terminal.shows(/exit=1\n *icanon echo\n/)
  })

  test('Ctrl-D leaves with 0, Ctrl-C with 130', async () => {
    await using served = await startServe()
    for (const [key, exit] of [
      ['C-d', /exit=0\n *icanon echo\n/],
      ['C-c', /exit=130\n *icanon echo\n/],
    ] as const) {
      await using terminal = await Terminal.start(['connect', served.url])
      await terminal.shows(/● open/)
      await terminal.press(key)
      await terminal.shows(exit)
    }
  })
})
