import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { WebSocket } from 'ws'
import { dial, nextMessage, refusal } from './client.ts'
import { startWs, type WsPeer } from './ws.ts'

describe('the ws server', () => {
  let peer: WsPeer
  before(async () => {
    peer = await startWs()
  })
  after(() => peer.stop())

  test('echoes text as text and binary as binary', async () => {
    const { socket, opened } = dial(`${peer.url}/echo`)
    await opened
    socket.send('grüße')
    assert.deepEqual(await nextMessage(socket), { data: Buffer.from('grüße'), isBinary: false })
    socket.send(Buffer.from([0, 1, 255]))
    assert.deepEqual(await nextMessage(socket), { data: Buffer.from([0, 1, 255]), isBinary: true })
    socket.terminate()
  })

  test('feeds numbers without a gap', async () => {
    const { socket, messages } = dial(`${peer.url}/feed?every=1ms`)
    while (messages.length < 20) await once(socket, 'message')
    assert.deepEqual(
      messages,
      messages.map((_, index) => String(index + 1)),
    )
    socket.terminate()
  })

  test('closes with the code and reason it was asked for', async () => {
    assert.deepEqual(await dial(`${peer.url}/close?code=4401&reason=x`).closed, { code: 4401, reason: 'x' })
    assert.deepEqual(await dial(`${peer.url}/close?code=1001&after=20ms`).closed, { code: 1001, reason: '' })
    await peer.waitFor(({ event, code, reason }) => event === 'closed' && code === 4401 && reason === 'x')
  })

  test('greets, then closes with a code or drops the connection', async () => {
    for (const [code, seen] of [
      [1013, 1013],
      [0, 1006],
    ]) {
      const { messages, closed } = dial(`${peer.url}/greet-close?code=${code}`)
      assert.equal((await closed).code, seen)
      assert.deepEqual(messages, ['hello'])
    }
  })

  test('refuses with a status and Retry-After', async () => {
    assert.deepEqual(await refusal(`${peer.url}/refuse?status=503&retryAfter=5`), { status: 503, retryAfter: '5' })
    assert.deepEqual(await refusal(`${peer.url}/refuse?status=401`), { status: 401, retryAfter: undefined })
  })

  test('keeps a handshake waiting, then echoes', async () => {
    const start = performance.now()
    const { socket, opened, closed } = dial(`${peer.url}/slow?delay=200ms`)
    await opened
    assert.ok(performance.now() - start >= 199)
    socket.send('late')
    assert.equal(String((await nextMessage(socket)).data), 'late')
    socket.close(1000)
    assert.equal((await closed).code, 1000)
  })

  test('learns that a client has given up waiting for its handshake', async () => {
    const { socket } = dial(`${peer.url}/slow?delay=60s`)
    await peer.waitFor(({ event, path }) => event === 'attempt' && path === '/slow?delay=60s')
    socket.terminate()
    await peer.waitFor('abandoned')
  })

  test('can leave a handshake without any answer', async () => {
    const { socket } = dial(`${peer.url}/hang`)
    await peer.waitFor(({ event, path }) => event === 'attempt' && path === '/hang')
    const echo = dial(`${peer.url}/echo`)
    await echo.opened
    assert.equal(socket.readyState, WebSocket.CONNECTING)
    socket.terminate()
    echo.socket.terminate()
  })

  test('can answer a handshake with the wrong Sec-WebSocket-Accept', async () => {
    const socket = new WebSocket(`${peer.url}/wrong-accept`)
    await assert.rejects(once(socket, 'open'), /Invalid Sec-WebSocket-Accept header/)
  })

  test('chooses the subprotocol it was asked for, else the first one offered', async () => {
    const chosen = dial(`${peer.url}/echo?protocol=b`, ['a', 'b'])
    const first = dial(`${peer.url}/echo`, ['a', 'b'])
    await Promise.all([chosen.opened, first.opened])
    assert.equal(chosen.socket.protocol, 'b')
    assert.equal(first.socket.protocol, 'a')
    chosen.socket.terminate()
    first.socket.terminate()
  })

  test('pings on a period and hears the pongs', async () => {
    const { socket } = dial(`${peer.url}/echo?ping=5ms`)
    for (let pings = 0; pings < 3; pings++) await once(socket, 'ping')
    await peer.waitFor('pong')
    socket.terminate()
  })

  test('in silence answers no ping while TCP keeps the connection open', async () => {
    const { socket, opened } = dial(`${peer.url}/silent`)
    await opened
    let pongs = 0
    socket.on('pong', () => pongs++)
    const echo = dial(`${peer.url}/echo`)
    await echo.opened
    socket.ping()
    echo.socket.ping()
    await once(echo.socket, 'pong')
    assert.equal(pongs, 0)
    assert.equal(socket.readyState, WebSocket.OPEN)
    socket.terminate()
    echo.socket.terminate()
  })

  test('gives its server, its sockets and each attempt into the hands of the test', async () => {
    await using own = await startWs()
    own.server.on('connection', (socket) => socket.send('from the test'))
    const { socket, messages, closed } = dial(`${own.url}/anywhere`, [], { headers: { 'x-token': 'secret' } })
    await once(socket, 'message')
    assert.deepEqual(messages, ['from the test'])
    assert.deepEqual(await refusal(`${own.url}/refuse?status=429`), { status: 429, retryAfter: undefined })
    assert.equal(own.connections.length, 1)
    assert.deepEqual(
      own.attempts.map(({ path }) => path),
      ['/anywhere', '/refuse?status=429'],
    )
    assert.equal(own.attempts[0]?.headers['x-token'], 'secret')
    assert.ok((own.attempts[1]?.at ?? 0) > (own.attempts[0]?.at ?? 0))
    own.connections[0]?.socket.close(4000)
    assert.equal((await closed).code, 4000)
  })

  test('answers one URL differently from dial to dial', async () => {
    await using fickle = await startWs({ route: (_request, attempt) => (attempt < 3 ? '/refuse?status=503' : undefined) })
    const url = `${fickle.url}/echo`
    assert.equal((await refusal(url)).status, 503)
    assert.equal((await refusal(url)).status, 503)
    const { opened } = dial(url)
    await opened
    assert.equal(fickle.attempts[0]?.path, '/echo')
  })

  test('never answers pings without autoPong', async () => {
    await using mute = await startWs({ autoPong: false })
    const { socket, opened } = dial(`${mute.url}/echo`)
    await opened
    socket.on('pong', () => assert.fail('a pong'))
    socket.ping()
    await mute.waitFor('ping')
    socket.send('after the ping')
    await nextMessage(socket)
  })

  test('stops with connections, unanswered and late handshakes still there, and comes back at the same URL', async () => {
    const first = await startWs()
    const dials = ['/echo', '/silent', '/hang', '/slow?delay=60s'].map((path) => dial(first.url + path))
    await first.waitFor(() => first.attempts.length === dials.length && first.count('connected') === 2)
    await first.stop()
    for (const { closed } of dials) assert.equal((await closed).code, 1006)
    await using second = await startWs({ port: first.port })
    assert.equal(second.url, first.url)
    await dial(`${second.url}/echo`).opened
  })
})
