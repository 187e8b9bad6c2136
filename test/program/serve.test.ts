// `holdfast serve`: what it serves, what it says of it, and how it ends.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { describe, test } from 'node:test'
import { dial, nextMessage, refusal } from '../peers/client.ts'
import { Child, startServe } from './child.ts'
import { records, run } from './program.ts'

describe('the server', { concurrency: true }, () => {
  test('echoes texts and bytes at / and /echo', async () => {
    await using served = await startServe()
    for (const path of ['', '/', '/echo']) {
      const { socket, opened } = dial(`${served.url}${path}`)
      await opened
      socket.send('hello')
      assert.deepEqual(await nextMessage(socket), { data: Buffer.from('hello'), isBinary: false })
      socket.send(Buffer.from([0, 255]))
      assert.deepEqual(await nextMessage(socket), { data: Buffer.from([0, 255]), isBinary: true })
      socket.terminate()
    }
  })

  test('tells the time at /clock', async () => {
    await using served = await startServe()
    const { socket } = dial(`${served.url}/clock?every=10ms`)
    for (let count = 0; count < 3; count++) assert.match(String((await nextMessage(socket)).data), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
    socket.terminate()
  })

  test('counts at /feed, and goes on counting while nobody listens', async () => {
    await using served = await startServe()
    const listen = async (): Promise<number[]> => {
      const { socket, messages } = dial(`${served.url}/feed?every=10ms`)
      while (messages.length < 3) await nextMessage(socket)
      socket.terminate()
      return messages.map(Number)
    }
    const first = await listen()
    assert.deepEqual(first.slice(0, 3), [first[0], first[0]! + 1, first[0]! + 2])
    const second = await listen()
    assert.ok(second[0]! > first.at(-1)!, `${first} ${second}`)
  })

  test('pings, and drops a client that does not answer', async () => {
    await using served = await startServe('--heartbeat', '700ms')
    const living = dial(served.url)
    const dead = dial(served.url, [], { autoPong: false })
    await Promise.all([once(living.socket, 'ping'), once(dead.socket, 'ping')])
    assert.equal((await dead.closed).code, 1006)
    assert.equal(living.socket.readyState, living.socket.OPEN)
    living.socket.terminate()
  })

  test('refuses other paths with 404 and bad parameters with 400, and says why', async () => {
    await using served = await startServe()
    assert.equal((await refusal(`${served.url}/ecoh`)).status, 404)
    assert.equal((await refusal(`${served.url}/feed?every=soon`)).status, 400)
    assert.equal((await refusal(`${served.url}/feed?evry=1s`)).status, 400)
    await served.child.says(/there is no \/ecoh; there are .* \(did you mean \/echo\?\)/)
    await served.child.says(/every=soon is no period: every is a number with its unit/)
    await served.child.says(/unknown parameter evry; known is every/)
  })

  test('answers a browser that does not upgrade with words', async () => {
    await using served = await startServe()
    const response = await fetch(served.url.replace('ws:', 'http:'))
    assert.equal(response.status, 426)
    assert.match(await response.text(), /^This is a WebSocket server; .*holdfast connect ws:\/\/127/)
  })

  test('tells of each connection, with what went to and fro', async () => {
    await using served = await startServe()
    const { socket, opened } = dial(`${served.url}/echo`)
    await opened
    socket.send('hello')
    await nextMessage(socket)
    socket.close(4000, 'bye')
    await served.child.says(/"event":"closed"/)
    const [, open, closed] = records(served.child.stdout)
    assert.deepEqual([open?.event, open?.connection, open?.path], ['open', 1, '/echo'])
    assert.deepEqual([closed?.code, closed?.reason, closed?.received, closed?.sent], [4000, 'bye', 1, 1])
  })

  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    test(`${signal} closes all with 1001, and ends it with 0`, async () => {
      await using served = await startServe()
      const { opened, closed } = dial(served.url)
      await opened
      served.child.kill(signal)
      assert.equal((await closed).code, 1001)
      assert.equal(await served.child.exit, 0)
    })

  test('without --json writes words to stderr and nothing to stdout', async () => {
    await using child = new Child('serve', '--listen', '127.0.0.1:0')
    const [, url = ''] = await child.says(/◆ listen {3}(\S+) /, 'stderr')
    const { socket, opened } = dial(`${url}/echo`)
    await opened
    socket.close(1000)
    await child.says(/○ closed {3}#1 with 1000 after /, 'stderr')
    child.kill('SIGINT')
    assert.equal(await child.exit, 0)
    assert.equal(child.stdout, '')
    assert.ok(!child.stderr.includes('\u001b'))
  })
})

describe('what the server cannot use is named, with 2', { concurrency: true }, () => {
  const wrong: [args: string[], words: RegExp][] = [
    [['--listen', '80801'], /'--listen <\[host:\]port>' argument '80801' is invalid\. Accepted is a port from 0 /],
    [['--listen', 'http://x'], /argument 'http:\/\/x' is invalid\. Accepted is a port/],
    [['--heartbeat', '30'], /'--heartbeat <duration>' argument '30' is invalid\. Accepted is a number with its unit/],
    [['--ttl', '0s'], /'--ttl <duration>' argument '0s' is invalid\. Accepted is .*, and not 0/],
    [['--ttl', '1s', '--no-sessions'], /'--ttl' is for sessions; leave it out, or '--no-sessions'/],
    [['--lsten', '1'], /unknown option '--lsten'\n\(Did you mean --listen\?\)/],
  ]
  for (const [args, words] of wrong)
    test(args.join(' '), async () => {
      const { code, stdout, stderr } = await run(['serve', ...args])
      assert.deepEqual([code, stdout], [2, ''])
      assert.match(stderr, words)
    })

  test('a port that is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const { code, stderr } = await run(['serve', '--listen', String(port)])
    server.close()
    assert.equal(code, 2)
    assert.match(stderr, new RegExp(`^error: --listen 127\\.0\\.0\\.1:${port}: this port is already in use; choose another`))
  })
})
