// `holdfast chaos`: faults by flags, by a schedule, by orders over HTTP and by keys.

import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { dial, nextMessage } from '../peers/client.ts'
import { needs } from '../peers/requirement.ts'
import { Child, startChaos, startServe } from './child.ts'
import { records, run } from './program.ts'
import { Terminal } from './terminal.ts'

const faultEvents = ['cut', 'reset', 'freeze', 'heal', 'refuse', 'accept', 'delay', 'slice', 'limit']

describe('the proxy, ordered over HTTP', { concurrency: true }, () => {
  test('passes what comes, tears it down, refuses and accepts', async () => {
    await using served = await startServe()
    await using chaos = await startChaos(served.url)
    const first = dial(`${chaos.url}/echo`)
    await first.opened
    first.socket.send('hello')
    assert.equal(String((await nextMessage(first.socket)).data), 'hello')
    const { status, body } = await chaos.order('/reset')
    assert.deepEqual([status, body.fault], [200, { kind: 'reset' }])
    assert.equal((await first.closed).code, 1006)

    await chaos.order('/refuse')
    assert.equal((await chaos.order('/status', 'GET')).body.isRefusing, true)
    await assert.rejects(dial(chaos.url).opened, { code: 'ECONNREFUSED' })
    await chaos.order('/accept')
    const second = dial(chaos.url)
    await second.opened
    await chaos.order('/cut')
    await second.closed
    assert.deepEqual(
      records(chaos.child.stdout)
        .map(({ event }) => event)
        .filter((event) => faultEvents.includes(event)),
      ['reset', 'refuse', 'accept', 'cut'],
    )
  })

  test('freezes, heals and shapes, and says so', async () => {
    await using served = await startServe()
    await using chaos = await startChaos(served.url, '--delay', '2ms', '--slice', '3')
    const shape = { delayMs: 2, jitterMs: 0, maxSliceBytes: 3, bytesPerSecond: 0 }
    assert.deepEqual((await chaos.order('/status', 'GET')).body.shape, shape)
    assert.equal((await chaos.order('/freeze?direction=down')).body.frozen, 'down')
    assert.equal((await chaos.order('/freeze')).body.frozen, 'both')
    assert.equal((await chaos.order('/heal?held=drop&direction=up')).body.frozen, 'down')
    assert.equal((await chaos.order('/heal')).body.frozen, null)
    assert.deepEqual((await chaos.order('/delay?ms=20&jitter=5')).body.shape, { ...shape, delayMs: 20, jitterMs: 5 })
    await chaos.order('/delay?ms=0')
    await chaos.order('/slice?bytes=0')
    assert.equal((await chaos.order('/limit?bytesPerSecond=64KiB')).body.shape.bytesPerSecond, 65_536)
  })

  test('answers what it does not understand with words', async () => {
    await using chaos = await startChaos('127.0.0.1:1')
    const wrong: [path: string, method: string, status: number, words: RegExp][] = [
      ['/restet', 'POST', 404, /there is no \/restet \(did you mean \/reset\?\)/],
      ['//', 'GET', 404, /there is no \/\//],
      ['/reset', 'GET', 405, /\/reset is for POST, not for GET/],
      ['/freeze?direction=sideways', 'POST', 400, /direction must be one of both, up, down; got "sideways"/],
      ['/heal?held=perhaps', 'POST', 400, /held must be one of drop, release; got "perhaps"/],
      ['/delay', 'POST', 400, /ms must be a number of milliseconds from 0 to \d+; got undefined/],
      ['/delay?ms=soon', 'POST', 400, /ms must be .*; got "soon"/],
      ['/delay?ms=1&jiter=2', 'POST', 400, /unknown parameter jiter: \/delay takes ms and jitter/],
      ['/slice?bytes=many', 'POST', 400, /bytes must be a whole number of bytes .*; got "many"/],
      ['/cut?now=1', 'POST', 400, /unknown parameter now: \/cut takes none/],
    ]
    for (const [path, method, expected, words] of wrong) {
      const { status, body } = await chaos.order(path, method)
      assert.equal(status, expected, path)
      assert.match(body.error, words)
    }
    const { body } = await chaos.order('/', 'GET')
    assert.ok(body.paths.includes('POST /reset') && body.paths.includes('GET /status'), body.paths.join())
  })
})

describe('the proxy, by itself', { concurrency: true }, () => {
  let folder = ''
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-chaos-'))
  })
  after(() => rm(folder, { recursive: true }))

  const faultsOf = async (...args: readonly string[]): Promise<string[]> => {
    const { code, stdout, stderr } = await run(['chaos', '127.0.0.1:1', '--listen', '0', '--json', ...args])
    assert.equal(code, 0, stderr)
    return records(stdout)
      .filter(({ event }) => faultEvents.includes(event))
      .map(({ at: _at, elapsedMs: _elapsedMs, ...fault }) => JSON.stringify(fault))
  }

  test('does what a schedule says, and ends after --for with 0', async () => {
    const file = join(folder, 'steps.txt')
    await writeFile(file, '# a comment\nat 0s refuse\nat 100ms accept\nat 200ms slice 7\n')
    const faults = await faultsOf('--schedule', file, '--for', '3s')
    assert.deepEqual(faults, ['{"event":"refuse"}', '{"event":"accept"}', '{"event":"slice","maxBytes":7}'])
  })

  test('draws the same faults from the same seed, of the kinds that are wanted', async () => {
    const flags = ['--mean-gap', '100ms', '--faults', 'cut,reset', '--for', '3s']
    const [one, other] = await Promise.all([faultsOf('--seed', '7', ...flags), faultsOf('--seed', '7', ...flags)])
    const common = Math.min(one.length, other.length)
    assert.ok(common > 0)
    assert.deepEqual(one.slice(0, common), other.slice(0, common))
    assert.ok(
      one.every((fault) => /"event":"(?:cut|reset)"/.test(fault)),
      one.join(),
    )
  })

  test('tells the seed that it has drawn', async () => {
    await using child = new Child('chaos', '127.0.0.1:1', '--listen', '0', '--mean-gap', '10s')
    await child.says(/random faults \(all kinds\), 10s apart on average; repeat them with --seed \d+/, 'stderr')
    child.kill('SIGTERM')
    assert.equal(await child.exit, 0)
    assert.equal(child.stdout, '')
  })

  test('a schedule that is wrong is named with its line, with 2', async () => {
    const file = join(folder, 'wrong.txt')
    await writeFile(file, 'at 1s reset\nat 2s rest\n')
    const { code, stdout, stderr } = await run(['chaos', '127.0.0.1:1', '--schedule', file])
    assert.deepEqual([code, stdout], [2, ''])
    assert.ok(stderr.startsWith(`error: --schedule ${file}:2: `), stderr)
  })

  const wrong: [args: string[], words: RegExp][] = [
    [['--schedule', '/nowhere/steps.txt'], /^error: --schedule \/nowhere\/steps\.txt: ENOENT/],
    [['--schedule', 'x', '--seed', '1'], /option '--schedule <file>' cannot be used with option '--seed <number>'/],
    [['--delay', '20'], /'--delay <duration>' argument '20' is invalid\. Accepted is a number with its unit, such as 250ms/],
    [['--limit', '64kb'], /'--limit <bytes>' argument '64kb' is invalid\. Accepted is a whole number of bytes/],
    [['--slice', '0'], /'--slice <bytes>' argument '0' is invalid/],
    [['--seed', '-1'], /'--seed <number>' argument '-1' is invalid\. Accepted is a whole number from 0 to 4294967295/],
    [['--faults', 'reset,freze'], /Accepted are cut, reset, .*not "freze" \(did you mean freeze\?\)/],
    [['--dely', '1s'], /unknown option '--dely'\n\(Did you mean --delay\?\)/],
  ]
  for (const [args, words] of wrong)
    test(`${args.join(' ')} is named, with 2`, async () => {
      const { code, stdout, stderr } = await run(['chaos', '127.0.0.1:1', '--listen', '0', ...args])
      assert.deepEqual([code, stdout], [2, ''])
      assert.match(stderr, words)
    })

  test('an upstream that is none is named, with 2', async () => {
    const { code, stderr } = await run(['chaos', 'localhost'])
    assert.equal(code, 2)
    assert.match(stderr, /upstream "localhost" names no host and port; accepted are host:port/)
  })

  test('a port that is taken is named, with 2', async () => {
    await using served = await startServe()
    const { port } = new URL(served.url)
    const listen = await run(['chaos', served.url, '--listen', port])
    assert.equal(listen.code, 2)
    assert.match(listen.stderr, new RegExp(`^error: --listen 127\\.0\\.0\\.1:${port}: .*already in use`))
    const control = await run(['chaos', served.url, '--listen', '0', '--json', '--control', port])
    assert.equal(control.code, 2)
    assert.match(control.stderr, new RegExp(`error: --control 127\\.0\\.0\\.1:${port}: this port is already in use`))
  })
})

describe('the proxy on a terminal', needs('tmux'), () => {
  test('breaks at keys, undoes at the same keys, and ends at q with the terminal as it was', async () => {
    await using served = await startServe()
    await using terminal = await Terminal.start(['chaos', served.url, '--listen', '0'])
    await terminal.shows(/r reset {2}c cut {2}f freeze {2}x refuse {2}q quit {2}0 connected/)
    for (const [key, shown] of [
      ['r', /↯ reset/],
      ['c', /↯ cut/],
      ['f', /↯ freeze[\s\S]*f heal/],
      ['f', /↺ heal[\s\S]*f freeze/],
      ['x', /↯ refuse[\s\S]*x accept/],
      ['x', /↺ accept[\s\S]*x refuse/],
    ] as const) {
      await terminal.press(key)
      await terminal.shows(shown)
    }
    await terminal.press('q')
    await terminal.shows(/exit=0\n *icanon echo\n/)
  })
})
