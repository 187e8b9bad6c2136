// `holdfast demo`, as it is started by hand: through pipes and on a terminal.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { describe, test } from 'node:test'
import { unusedPort } from '../peers/port.ts'
import { needs } from '../peers/requirement.ts'
import { startWs } from '../peers/ws.ts'
import { records, run } from './program.ts'
import { Terminal } from './terminal.ts'

describe('the demonstration, through pipes', { concurrency: true }, () => {
  test('loses its link, gets it back and ends by itself with a report', async () => {
    const { code, stdout, stderr } = await run(['demo', '--seconds', '6', '--seed', '7'])
    assert.equal(code, 0, stderr)
    assert.match(stderr, /--seed 7/)
    assert.match(stderr, /● open {5}link 1\n/)
    assert.match(stderr, /○ lost {5}network after .*; retry 1 /)
    assert.match(stderr, /● open {5}link 2, down /)
    assert.match(stderr, /\nTry next: .*\n$/)
    assert.match(stdout, /^Report\n/)
    assert.match(stdout, /noticed by .*network 1×/)
    assert.match(stdout, /messages .* sent: .* received, .* missing/)
    assert.match(stdout, /latency .*echo p50 .* p99 /)
  })

  test('with --json writes records to stdout and nothing else', async () => {
    // This seed waits long enough before its first retry for the clock to tick.
    const { code, stdout, stderr } = await run(['demo', '--seconds', '6', '--seed', '3', '--json'])
    assert.equal(code, 0, stderr)
    const told = records(stdout)
    assert.equal(told[0]?.event, 'start')
    assert.equal(told[0]?.seed, 3)
    for (const event of ['open', 'fault', 'lost', 'gap', 'pulse'])
      assert.ok(
        told.some((record) => record.event === event),
        event,
      )
    const report = told.at(-1)
    assert.equal(report?.event, 'report')
    assert.ok(report?.links >= 2)
    assert.equal(report?.links, report?.stats.links)
    const { sent, received, missing } = report?.numbered ?? {}
    assert.ok(missing > 0 && received + missing <= sent, `${sent} ${received} ${missing}`)
  })

  test('has no colours and moves no cursor', async () => {
    const { stdout, stderr } = await run(['demo', '--seconds', '1'])
    assert.ok(!`${stdout}${stderr}`.includes('\u001b'))
  })

  test('an interrupt ends it in order, with its report and 0', async () => {
    const { code, signal, stdout } = await run(['demo', '--seconds', '120'], { when: '● open', signal: 'SIGINT' })
    assert.deepEqual([code, signal], [0, null])
    assert.match(stdout, /^Report\n/)
  })

  test('a termination ends it in order, with its report and 143', async () => {
    const { code, signal, stdout } = await run(['demo', '--seconds', '120'], { when: '● open', signal: 'SIGTERM' })
    assert.deepEqual([code, signal], [143, null])
    assert.match(stdout, /^Report\n/)
  })

  test('listens where it is told to', async () => {
    const port = await unusedPort()
    const { code, stdout } = await run(['demo', '--seconds', '1', '--json', '--port', String(port)])
    assert.equal(code, 0)
    assert.equal(records(stdout)[0]?.url, `ws://127.0.0.1:${port}`)
  })

  test('a port that is taken is named, with 2', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const { code, stdout, stderr } = await run(['demo', '--port', String(port)])
    server.close()
    assert.deepEqual([code, stdout], [2, ''])
    assert.match(stderr, new RegExp(`^error: --port ${port} .*address already in use 127\\.0\\.0\\.1:${port}; choose another`))
  })
})

describe('what the demonstration cannot use is named, with 2', { concurrency: true }, () => {
  const wrong: [args: string[], words: RegExp][] = [
    [['--secnds', '3'], /unknown option '--secnds'\n\(Did you mean --seconds\?\)/],
    [['--seconds', 'abc'], /'--seconds <number>' argument 'abc' is invalid\. Seconds are a number from 1 to /],
    [['--seconds', '0'], /'--seconds <number>' argument '0' is invalid/],
    [['--seed', '1.5'], /'--seed <number>' argument '1\.5' is invalid\. A seed is a whole number from 0 to 4294967295/],
    [['--port', '65536'], /'--port <number>' argument '65536' is invalid\. A port is a whole number from 0 to 65535/],
    [['nonsense'], /'nonsense' is invalid for argument 'url'\. "nonsense" is not a url; a WebSocket url looks like /],
    [['ftp://127.0.0.1/'], /the scheme of "ftp:\/\/127\.0\.0\.1\/" is ftp; a WebSocket url begins with ws:\/\/ or wss:\/\//],
    [['ws://127.0.0.1/', '--seed', '1'], /'--seed' is for the demonstration's own network; leave it out, or the url/],
    [['ws://127.0.0.1/', 'ws://127.0.0.1/'], /too many arguments for 'demo'/],
  ]
  for (const [args, words] of wrong) {
    test(args.join(' '), async () => {
      const { code, stdout, stderr } = await run(['demo', ...args])
      assert.deepEqual([code, stdout], [2, ''])
      assert.match(stderr, words)
    })
  }

  test('an unknown command', async () => {
    const { code, stderr } = await run(['dmo'])
    assert.equal(code, 2)
    assert.match(stderr, /unknown command 'dmo'\n\(Did you mean demo\?\)/)
  })

  test('help is no error', async () => {
    const { code, stdout } = await run(['demo', '--help'])
    assert.equal(code, 0)
    assert.match(stdout, /--seconds <number>/)
  })
})

describe('the demonstration on a server of somebody else', { concurrency: true }, () => {
  test('shows its link and times its pings, without faults', async () => {
    await using peer = await startWs()
    const { code, stdout, stderr } = await run(['demo', `${peer.url}/echo`, '--seconds', '5', '--json'])
    assert.equal(code, 0, stderr)
    const told = records(stdout)
    assert.ok(told.some(({ event }) => event === 'pong'))
    assert.ok(told.every(({ event }) => event !== 'fault' && event !== 'lost'))
    assert.deepEqual([told.at(-1)?.links, told.at(-1)?.latency.of], [1, 'ping'])
  })

  test('gives up where nobody answers, with 1', async () => {
    const { code, stdout, stderr } = await run(['demo', `ws://127.0.0.1:${await unusedPort()}/`, '--seconds', '120'])
    assert.equal(code, 1)
    assert.match(stderr, /◌ no link {2}network: .*ECONNREFUSED.*; retry 1 /)
    assert.match(stderr, /■ gave up {2}after 6 dials/)
    assert.match(stdout, /^Report\n/)
  })

  test('that never opens a link in its time ends with 1', async () => {
    await using peer = await startWs()
    const { code, stderr } = await run(['demo', `${peer.url}/hang`, '--seconds', '1'])
    assert.equal(code, 1)
    assert.match(stderr, /No link came about/)
  })

  test('that closes for good ends it with 1', async () => {
    await using peer = await startWs()
    const { code, stderr } = await run(['demo', `${peer.url}/close?code=1008&reason=go+away`, '--seconds', '120'])
    assert.equal(code, 1)
    assert.match(stderr, /■ closed {3}server, 1008 \(go away\): final/)
  })

  test('that refuses the handshake for good ends it with 4', async () => {
    await using peer = await startWs()
    const { code, stderr } = await run(['demo', `${peer.url}/refuse?status=404`, '--seconds', '120'])
    assert.equal(code, 4)
    assert.match(stderr, /■ closed {3}the server refused the handshake with HTTP 404/)
  })
})

describe('the demonstration on a terminal', { ...needs('tmux'), concurrency: true }, () => {
  const restored = /exit=0\n *icanon echo\n/

  test('breaks the network at a key and ends at q, with 0 and the terminal as it was', async () => {
    await using terminal = await Terminal.start(['demo', '--seed', '7'])
    await terminal.shows(/● open .* r reset {2}f freeze 3 s {2}x refuse 3 s {2}q quit/)
    await terminal.press('x')
    await terminal.shows(/↯ refuse/)
    await terminal.shows(/○ lost/)
    await terminal.shows(/● open {5}link 2/)
    await terminal.press('q')
    const text = await terminal.shows(restored)
    assert.match(text, /\nReport\n/)
    assert.match(text, /\nTry next: /)
    assert.doesNotMatch(text, /q quit/)
  })

  test('ends at Ctrl-C, with 0 and the terminal as it was', async () => {
    await using terminal = await Terminal.start(['demo'])
    await terminal.shows(/q quit/)
    await terminal.press('C-c')
    assert.match(await terminal.shows(restored), /\nReport\n/)
  })

  test('offers another try where nobody answers, and takes it', async () => {
    const port = await unusedPort()
    await using terminal = await Terminal.start(['demo', `ws://127.0.0.1:${port}/echo`])
    await terminal.shows(/Press r to try again/)
    await using _peer = await startWs({ port })
    await terminal.press('r')
    await terminal.shows(/● open {5}link 1/)
    await terminal.press('q')
    await terminal.shows(restored)
  })
})
