// `holdfast demo`, as it is started by hand: through pipes and on a terminal.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { describe, test } from 'node:test'
import { unusedPort } from '../peers/port.ts'
import { needs } from '../peers/requirement.ts'
import { startWs } from '../peers/ws.ts'
import { Child, startChaos } from './child.ts'
import { records, run } from './program.ts'
import { Terminal } from './terminal.ts'

describe('the demonstration, through pipes', { concurrency: true }, () => {
  test('loses links, gets them back and ends by itself with a table, in which the session lost nothing', async () => {
    const { code, stdout, stderr } = await run(['demo', '--seconds', '6', '--seed', '7'])
    assert.equal(code, 0, stderr)
    assert.match(stderr, /--seed 7/)
    assert.match(stderr, /plain +● open {5}link 1\n/)
    assert.match(stderr, /plain +○ lost {5}network after .*; retry 1 /)
    assert.match(stderr, /plain +● open {5}link 2, down /)
    assert.match(stderr, /resumable +● open {5}link 1, session [\w-]{4}…\n/)
    assert.match(stderr, /resumable +○ lost {5}network after .*; retry 1 .*; \d+ unacknowledged\n/)
    assert.match(stderr, /resumable +● resumed {2}link 2, down .* s, received \d+, resent \d+, lost 0\n/)
    assert.match(stderr, /\nTry next: .*\n$/)
    assert.match(stdout, /^Report\n/)
    assert.match(stdout, /noticed by network 1×/)
    assert.match(stdout, /echo p50 .* p99 /)
    assert.match(stdout, /client +sent {2}delivered there {2}received back {2}lost {2}duplicated {2}ticks missed {2}connections\n/)
    assert.match(stdout, / {2}resumable +(\d+) +\1 +\1 +0 +0 +0 +1\n/)
    assert.match(stdout, /the session lost nothing and duplicated nothing\.\n.* saw it connect once\.\n/)
  })

  test('with --json writes records to stdout and nothing else', async () => {
    const { code, stdout, stderr } = await run(['demo', '--seconds', '10', '--seed', '7', '--json'])
    assert.equal(code, 0, stderr)
    const told = records(stdout)
    assert.deepEqual([told[0]?.event, told[0]?.seed, told[0]?.clients.slice(0, 2)], ['start', 7, ['plain', 'resumable']])
    const of = (client: string): unknown[] => told.filter((record) => record.client === client).map(({ event }) => event)
    for (const event of ['open', 'lost', 'gap']) assert.ok(of('plain').includes(event), event)
    for (const event of ['open', 'lost', 'resumed']) assert.ok(of('resumable').includes(event), event)
    assert.ok(!of('resumable').includes('gap'))
    for (const event of ['fault', 'pulse'])
      assert.ok(
        told.some((record) => record.event === event),
        event,
      )
    const { event, clients } = told.at(-1) ?? {}
    assert.equal(event, 'report')
    const [plain, resumable] = clients
    assert.ok(plain.links >= 2 && resumable.links >= 2)
    assert.deepEqual([plain.links, resumable.links], [plain.stats.links, resumable.stats.links])
    assert.ok(plain.numbered.lost > 0)
    assert.equal(plain.numbered.connections, plain.links)
    const { sent } = resumable.numbered
    assert.deepEqual(resumable.numbered, { sent, delivered: sent, received: sent, lost: 0, duplicated: 0, missedTicks: 0, connections: 1 })
    assert.ok(sent > 50)
  })

  test('says which client is left out because its package is not installed', async () => {
    const { stdout } = await run(['demo', '--seconds', '1', '--json'])
    const [{ clients, absent } = {} as any] = records(stdout)
    assert.deepEqual([...clients, ...absent], ['plain', 'resumable', 'reconnecting-websocket'])
    const { stderr } = await run(['demo', '--seconds', '1'])
    if (absent.length > 0) assert.match(stderr, /reconnecting-websocket would be here too, but is not installed/)
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
    [['--upstream', 'http://127.0.0.1/'], /^error: --upstream is "http:\/\/127\.0\.0\.1\/"; it must be a WebSocket url/],
    [['--upstream', 'ws://127.0.0.1/', '--seconds', '3'], /'--seconds' is for the demonstration; leave it out, or '--upstream'/],
    [['--upstream', 'ws://127.0.0.1/', 'ws://127.0.0.1/'], /a url is watched, and option '--upstream' is served; give one of them/],
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
    const [{ links, latency } = {} as any] = told.at(-1)?.clients ?? []
    assert.deepEqual([links, latency.of], [1, 'ping'])
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

describe('the demonstration in front of a server of somebody else', { concurrency: true }, () => {
  test('says how to connect, keeps a session through a cut and runs until an interrupt, with 0', async () => {
    await using peer = await startWs()
    await using child = new Child('demo', '--upstream', peer.url)
    const [, url = ''] = await child.says(/connect (ws:\/\/127\.0\.0\.1:\d+\/) --resume\n/, 'stderr')
    await using chaos = await startChaos(url)
    await using client = new Child('connect', `${chaos.url}/echo`, '--resume')
    client.write('one\n')
    await client.says(/^one\n/)
    await chaos.order('/reset')
    client.write('two\n')
    await client.says(/^one\ntwo\n/)
    assert.equal(peer.count('connected'), 1)
    client.end()
    assert.equal(await client.exit, 0)
    child.kill('SIGINT')
    assert.equal(await child.exit, 0)
  })
})

describe('the demonstration on a terminal', { ...needs('tmux'), concurrency: true }, () => {
  const restored = /exit=0\n *icanon echo\n/

  test('breaks the network at a key and ends at q, with 0 and the terminal as it was', async () => {
    await using terminal = await Terminal.start(['demo', '--seed', '7'])
    await terminal.shows(/● plain {2}● resumable {2}.*r reset {2}f freeze 3 s {2}x refuse 3 s {2}q quit/)
    await terminal.press('x')
    await terminal.shows(/↯ refuse/)
    await terminal.shows(/plain +○ lost/)
    await terminal.shows(/resumable +● resumed {2}link 2/)
    await terminal.press('q')
    const text = await terminal.shows(restored)
    assert.match(text, /\nReport\n/)
    assert.match(text, /the session lost nothing and duplicated nothing/)
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
