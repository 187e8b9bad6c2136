// Sessions at both ends of the program: `connect --resume` to `serve`, over links that break.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { needs } from '../peers/requirement.ts'
import { startWs } from '../peers/ws.ts'
import { Child, startChaos, startServe } from './child.ts'
import { records, run } from './program.ts'
import { Terminal } from './terminal.ts'

const pollMs = 10
const hasty = ['-o', 'retry.minDelay=10ms', '-o', 'retry.maxDelay=10ms', '-o', 'retry.maxRetries=2']

describe('connect --resume, through pipes', { concurrency: true }, () => {
  test('loses nothing, keeps the order and repeats nothing, however often the link is cut', async () => {
    await using served = await startServe()
    await using chaos = await startChaos(served.url)
    await using child = new Child('connect', '--resume', `${chaos.url}/echo`)
    const lines = Array.from({ length: 20_000 }, (_, index) => `${index + 1}\n`).join('')
    child.end(lines)
    for (let cut = 1; cut <= 5; cut++) {
      while (child.stdout.length < (cut / 6) * lines.length) await sleep(pollMs)
      await chaos.order(cut % 2 === 0 ? '/cut' : '/reset')
    }
    assert.equal(await child.exit, 0, child.stderr)
    assert.ok(child.stdout === lines, `${child.stdout.length} of ${lines.length} characters came back`)
    const resumptions = child.stderr.match(/● resumed {2}down .* s, received \d+, resent \d+, lost 0\n/g) ?? []
    assert.ok(resumptions.length >= 2, child.stderr)
  })

  test('the session, its loss and its return are told in words', async () => {
    await using served = await startServe('--ttl', '120s')
    await using chaos = await startChaos(served.url)
    await using child = new Child('connect', '--resume', `${chaos.url}/echo`)
    await child.says(/^● open {5}session [\w-]{4}… \(resumable 120 s\) {2}(?:handshake|rtt) .* ms\n/, 'stderr')
    await chaos.order('/refuse')
    await chaos.order('/reset')
    await child.says(/○ lost {5}network after .* s; retry 1 in .* s\n/, 'stderr')
    child.write('one\ntwo\n')
    await child.says(/◌ no link {2}network; retry \d+ in .* s; 2 unacknowledged\n/, 'stderr')
    await chaos.order('/accept')
    await child.says(/● resumed {2}down .* s, received 0, resent 2, lost 0\n/, 'stderr')
    child.end()
    assert.equal(await child.exit, 0, child.stderr)
    assert.equal(child.stdout, 'one\ntwo\n')
    assert.match(child.stderr, /■ closed {3}1000\n$/)
  })

  test('--json tells the same with the same words, and the server its side of it', async () => {
    await using served = await startServe()
    await using chaos = await startChaos(served.url)
    await using child = new Child('connect', '--resume', '--json', `${chaos.url}/echo`)
    child.write('one\n')
    await child.says(/"event":"acknowledged","data":"one"/)
    await chaos.order('/reset')
    await child.says(/"event":"resumed"/)
    child.end()
    assert.equal(await child.exit, 0, child.stderr)
    const told = records(child.stdout)
    const find = (event: string) => told.find((record) => record.event === event) ?? assert.fail(event)
    const { session } = find('open')
    assert.deepEqual([session.id.length, session.ttlMs], [4, 300_000])
    const { cause, uncertain, unacknowledged } = find('lost')
    assert.deepEqual([cause, uncertain, unacknowledged], ['network', 0, 0])
    const { received, resent, lost, downMs } = find('resumed')
    assert.deepEqual([received, resent, lost, downMs > 0], [0, 0, 0, true])
    const { exitCode, stats } = find('end')
    assert.deepEqual([exitCode, stats.sessions, stats.links], [0, 1, 2])
    assert.equal(child.stderr, '')

    await served.child.says(/"event":"ended"/)
    const heard = records(served.child.stdout).slice(1)
    assert.deepEqual(
      heard.map(({ event }) => event),
      ['open', 'lost', 'resumed', 'ended'],
    )
    for (const record of heard) assert.deepEqual([record.connection, record.session], [1, session])
    const [, , , ended] = heard
    assert.deepEqual([ended?.code, ended?.wasClean, ended?.received, ended?.sent, ended?.unconfirmed], [1000, true, 1, 1, 0])
  })

  test('waits until everything that was sent is acknowledged, before it closes', async () => {
    await using served = await startServe()
    await using chaos = await startChaos(served.url)
    await using child = new Child('connect', '--resume', `${chaos.url}/echo`, '--wait', '0s')
    await child.says(/● open/, 'stderr')
    await chaos.order('/refuse')
    await chaos.order('/reset')
    await child.says(/○ lost/, 'stderr')
    child.end('one\n')
    await child.says(/; 1 unacknowledged/, 'stderr')
    await chaos.order('/accept')
    assert.equal(await child.exit, 0, child.stderr)
    assert.equal(child.stdout, 'one\n')
  })

  test('a server that speaks no sessions is told apart, with 1', async () => {
    await using plain = await startServe('--no-sessions')
    await using peer = await startWs()
    for (const url of [`${plain.url}/echo`, `${peer.url}/echo`]) {
      const { code, stderr } = await run(['connect', '--resume', url, '-x', 'hello', ...hasty])
      assert.equal(code, 1, stderr)
      assert.match(stderr, /the server does not speak holdfast\.v1, .*leave out --resume|it speaks no sessions/)
    }
  })

  test('a session that its server has forgotten ends with 5 if messages may be missing', async () => {
    await using first = await startServe()
    const { port } = new URL(first.url)
    await using chaos = await startChaos(first.url)
    await using child = new Child('connect', '--resume', `${chaos.url}/echo`)
    child.write('before\n')
    await child.says(/before/)
    await chaos.order('/freeze')
    child.write('lost\n')
    await sleep(200) // however long: without it the message would only wait longer
    first.child.kill('SIGKILL')
    await first.child.exit
    await using second = new Child('serve', '--listen', port, '--json')
    await second.says(/"url"/)
    await chaos.order('/heal?held=drop')
    await chaos.order('/reset')
    await child.says(/○ ended {4}session [\w-]{4}… is lost: unknown; [12] sent may be missing\n/, 'stderr')
    await child.says(/● open {5}again, down .* s, session/, 'stderr')
    child.end('after\n')
    assert.equal(await child.exit, 5, child.stderr)
    assert.equal(child.stdout, 'before\nafter\n')
    assert.match(child.stderr, /\n(?:1 message|2 messages) went into a session that died, and may or may not have arrived\n$/)
  })

  test('a server that never comes back ends it with 1', async () => {
    await using served = await startServe()
    await using child = new Child('connect', '--resume', `${served.url}/echo`, ...hasty)
    child.write('one\n')
    await child.says(/one/)
    served.child.kill('SIGKILL')
    await child.says(/■ gave up/, 'stderr')
    assert.equal(await child.exit, 1)
  })

  test('a goodbye that is not answered ends it with 5', async () => {
    await using served = await startServe()
    await using chaos = await startChaos(served.url)
    await using child = new Child('connect', '--resume', `${chaos.url}/echo`, '--wait', '0s', '-o', 'closeTimeout=200ms')
    child.write('one\n')
    await child.says(/one/)
    await sleep(1_500) // by then it is acknowledged as well
    await chaos.order('/freeze')
    child.end()
    assert.equal(await child.exit, 5, child.stderr)
    assert.match(child.stderr, /the server did not answer the goodbye/)
  })

  test('a signal ends it at once, also while no link is there', async () => {
    await using served = await startServe()
    await using chaos = await startChaos(served.url)
    await using child = new Child('connect', '--resume', `${chaos.url}/echo`)
    await child.says(/● open/, 'stderr')
    await chaos.order('/refuse')
    await chaos.order('/reset')
    await child.says(/◌ no link/, 'stderr')
    const since = performance.now()
    child.kill('SIGTERM')
    assert.equal(await child.exit, 143)
    assert.ok(performance.now() - since < 8_000)
  })
})

describe('serve with sessions', { concurrency: true }, () => {
  test('/feed misses nothing that was counted while the link was away', async () => {
    await using served = await startServe()
    await using chaos = await startChaos(served.url)
    await using child = new Child('connect', '--resume', `${chaos.url}/feed?every=20ms`)
    await child.says(/\d\n/)
    await chaos.order('/refuse')
    await chaos.order('/reset')
    await child.says(/◌ no link/, 'stderr')
    await chaos.order('/accept')
    await child.says(/● resumed {2}.* received [1-9]/, 'stderr')
    const before = child.stdout.length
    while (child.stdout.length < before + 50) await sleep(pollMs)
    child.kill('SIGINT')
    await child.exit
    const numbers = child.stdout.trimEnd().split('\n').map(Number)
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => numbers[0]! + index),
    )
  })

  test('a client that does not come back within --ttl is forgotten, and the log says all that in words', async () => {
    await using server = new Child('serve', '--listen', '0', '--ttl', '300ms')
    const [, url = ''] = await server.says(/◆ listen {3}(\S+) /, 'stderr')
    await using child = new Child('connect', '--resume', `${url}/echo`)
    await child.says(/● open/, 'stderr')
    child.kill('SIGKILL')
    await server.says(/● open {5}#1 \/echo from .*, session [\w-]{4}… \(resumable 0\.3 s\)\n/, 'stderr')
    await server.says(/○ lost {5}#1 session [\w-]{4}… network after .* s; kept for 0\.3 s/, 'stderr')
    await server.says(
      /■ ended {4}#1 session [\w-]{4}… without a goodbye \(session-lost:expired\) after .* s, received 0, sent 0\n/,
      'stderr',
    )
  })

  test('a server that stops says goodbye to sessions with 1001', async () => {
    await using served = await startServe()
    await using child = new Child('connect', '--resume', '--json', `${served.url}/echo`, ...hasty)
    await child.says(/"event":"open"/)
    served.child.kill('SIGTERM')
    assert.equal(await served.child.exit, 0)
    await child.says(/"event":"ended".*"code":1001/)
  })

  test('--no-sessions serves plain links', async () => {
    await using served = await startServe('--no-sessions')
    const { code, stdout } = await run(['connect', `${served.url}/echo`, '-x', 'hello'])
    assert.deepEqual([code, stdout], [0, 'hello\n'])
    await served.child.says(/"event":"closed"/)
  })
})

describe('connect --resume, on a terminal', needs('tmux'), () => {
  test('/status shows the session, also while its link is away', async () => {
    await using served = await startServe()
    await using chaos = await startChaos(served.url)
    await using terminal = await Terminal.start(['connect', '--resume', `${chaos.url}/echo`])
    const type = async (line: string): Promise<void> => {
      await terminal.press(line)
      await terminal.press('Enter')
    }
    await terminal.shows(/● open {5}session [\w-]{4}… \(resumable 300 s\)/)
    await type('/status')
    await terminal.shows(/ {2}open.* {2}ws:.*\n {2}session [\w-]{4}…, resumable for 300 s, .* s old\n[\s\S]*; 0 unacknowledged/)
    await chaos.order('/refuse')
    await chaos.order('/reset')
    await terminal.shows(/○ lost/)
    await type('hello')
    await terminal.shows(/no link at the moment/)
    await type('/status')
    await terminal.shows(/; 1 unacknowledged/)
    await chaos.order('/accept')
    await terminal.shows(/● resumed[\s\S]*< hello/)
    await terminal.press('C-d')
    await terminal.shows(/exit=0\n *icanon echo\n/)
  })
})
