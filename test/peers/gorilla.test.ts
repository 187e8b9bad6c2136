import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { WebSocket } from 'ws'
import { dial, nextMessage, refusal } from './client.ts'
import { startGorilla } from './gorilla.ts'
import type { ProcessPeer } from './process.ts'
import { needs } from './requirement.ts'

describe('the gorilla server', needs('gorilla'), () => {
  let peer: ProcessPeer
  before(async () => {
    peer = await startGorilla()
  })
  after(() => peer.stop())

  test('echoes text as text and binary as binary', async () => {
    const { socket, opened } = dial(`${peer.url}/echo`)
    await opened
    socket.send('grüße')
    assert.deepEqual(await nextMessage(socket), { data: Buffer.from('grüße'), isBinary: false })
    const bytes = Buffer.alloc(100_000, 7)
    socket.send(bytes)
    assert.deepEqual(await nextMessage(socket), { data: bytes, isBinary: true })
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
    const closed = await peer.waitFor((event) => event.event === 'closed' && event.code === 4401)
    assert.equal(closed.unexpected, true, 'and logs a code that gorilla calls unexpected')
  })

  test('greets, then closes with a code', async () => {
    const { messages, closed } = dial(`${peer.url}/greet-close?code=1013`)
    assert.equal((await closed).code, 1013)
    assert.deepEqual(messages, ['hello'])
  })

  test('greets, then drops the connection without a close frame, which a client sees as 1006', async () => {
    const { messages, closed } = dial(`${peer.url}/greet-close?code=0`)
    assert.equal((await closed).code, 1006)
    assert.deepEqual(messages, ['hello'])
  })

  test('refuses with a status and Retry-After', async () => {
    assert.deepEqual(await refusal(`${peer.url}/refuse?status=503&retryAfter=5`), { status: 503, retryAfter: '5' })
    assert.deepEqual(await refusal(`${peer.url}/refuse?status=401`), { status: 401, retryAfter: undefined })
    assert.deepEqual(await refusal(`${peer.url}/nowhere`), { status: 404, retryAfter: undefined })
    assert.deepEqual(await refusal(`${peer.url}/feed?every=never`), { status: 400, retryAfter: undefined })
  })

  test('keeps a handshake waiting, then echoes', async () => {
    const start = performance.now()
    const { socket, opened } = dial(`${peer.url}/slow?delay=300ms`)
    await opened
    assert.ok(performance.now() - start >= 299)
    socket.send('late')
    assert.equal(String((await nextMessage(socket)).data), 'late')
    socket.terminate()
  })

  test('learns that a client has given up waiting for its handshake', async () => {
    const { socket } = dial(`${peer.url}/slow?delay=60s`)
    await peer.waitFor(({ event, path }) => event === 'attempt' && path === '/slow?delay=60s')
    socket.terminate()
    await peer.waitFor('abandoned')
  })

  test('chooses the subprotocol it prefers of those offered', async () => {
    const { socket, opened } = dial(`${peer.url}/echo?protocol=b,a`, ['a', 'b'])
    await opened
    assert.equal(socket.protocol, 'b')
    socket.terminate()
  })

  test('logs the pings of a client and answers them', async () => {
    const { socket, opened } = dial(`${peer.url}/echo?pinged`)
    await opened
    const { id } = await peer.waitFor(({ event, path }) => event === 'connected' && path === '/echo?pinged')
    socket.ping('are you there')
    assert.equal(String((await once(socket, 'pong'))[0]), 'are you there')
    await peer.waitFor((event) => event.event === 'ping' && event.id === id)
    socket.terminate()
  })

  test('in silence answers no ping while TCP keeps the connection open', async () => {
    const { socket, opened } = dial(`${peer.url}/silent`)
    await opened
    let pongs = 0
    socket.on('pong', () => pongs++)
    const echo = dial(`${peer.url}/echo`)
    await echo.opened
    for (let round = 0; round < 5; round++) {
      socket.ping()
      echo.socket.ping()
      await once(echo.socket, 'pong')
    }
    assert.equal(pongs, 0)
    assert.equal(socket.readyState, WebSocket.OPEN)
    socket.terminate()
    echo.socket.terminate()
  })

  test('comes back at the same URL', async () => {
    const first = await startGorilla()
    const { opened, closed } = dial(`${first.url}/echo`)
    await opened
    await first.stop()
    assert.equal((await closed).code, 1006)
    await using second = await startGorilla({ port: first.port })
    assert.equal(second.url, first.url)
    const again = dial(`${second.url}/echo`)
    await again.opened
  })

  test('frozen, it answers nothing and drops nothing; thawed, it answers everything', async () => {
    await using frozen = await startGorilla()
    const { socket, opened, messages } = dial(`${frozen.url}/echo`)
    await opened
    await frozen.freeze()
    for (const text of ['1', '2', '3']) socket.send(text)
    const alive = dial(`${peer.url}/echo`)
    await alive.opened
    for (let round = 0; round < 20; round++) {
      alive.socket.ping()
      await once(alive.socket, 'pong')
    }
    assert.deepEqual(messages, [])
    assert.equal(socket.readyState, WebSocket.OPEN)
    frozen.thaw()
    while (messages.length < 3) await once(socket, 'message')
    assert.deepEqual(messages, ['1', '2', '3'])
    alive.socket.terminate()
  })

  test('can be ended while it is frozen', async () => {
    const frozen = await startGorilla()
    await frozen.freeze()
    await frozen.stop()
    await frozen.stop()
    assert.throws(() => process.kill(frozen.pid, 0), { code: 'ESRCH' })
  })

  test('a wait for what will never come ends with the peer and says why', async () => {
    const ending = await startGorilla()
    const waiting = assert.rejects(ending.waitFor('never'), /gorilla server: ended with SIGKILL/)
    await ending.stop()
    await waiting
    await assert.rejects(ending.waitFor('never'), /so 'never' will never come/)
  })

  test('a server that cannot start says what was wrong', async () => {
    await assert.rejects(startGorilla({ port: peer.port }), /address already in use/)
  })
})

describe('the gorilla server, thirty times as fast as the tutorial', { ...needs('gorilla'), concurrency: true }, () => {
  test('cuts a client that sends no pongs at its read deadline, though the client sends messages', async () => {
    await using peer = await startGorilla({ scale: 30 })
    const { socket, opened, closed } = dial(`${peer.url}/echo`, [], { autoPong: false })
    await opened
    let pings = 0
    socket.on('ping', () => pings++)
    const talk = setInterval(() => socket.send('still here'), 100)
    const cut = await peer.waitFor('read deadline')
    assert.equal((await closed).code, 1006)
    clearInterval(talk)
    assert.equal(cut.id, 1)
    assert.ok(pings >= 1, 'it pinged before')
    assert.equal(peer.count('pong'), 0)
  })

  test('keeps a client that answers its pings beyond the read deadline', async () => {
    await using peer = await startGorilla({ scale: 30 })
    const { socket, opened } = dial(`${peer.url}/echo`)
    await opened
    await peer.waitFor(() => peer.count('pong') === 4)
    assert.equal(peer.count('read deadline'), 0)
    assert.equal(socket.readyState, WebSocket.OPEN)
    socket.terminate()
  })

  test('cuts a client that does not take what it is sent at its write deadline', async () => {
    await using peer = await startGorilla({ scale: 30 })
    const { socket, opened } = dial(`${peer.url}/echo`)
    await opened
    socket.pause()
    const block = Buffer.alloc(1024 * 1024)
    const flood = setInterval(() => socket.bufferedAmount < block.length && socket.send(block), 5)
    await peer.waitFor('write deadline', 20_000)
    clearInterval(flood)
    socket.terminate()
  })
})
