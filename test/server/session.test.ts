// Sessions over real sockets: begun, carried over, taken over, refused.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { inTime, until } from '../fault/patience.ts'
import { ask, begin, cid, dial, dle, otherCid, refusal, resume } from './script-client.ts'
import { next, startServer, textsOf } from './server.ts'

describe('a session', { timeout: 60_000 }, () => {
  test('begins with a welcome that carries credentials and terms', async () => {
    await using path = await startServer({ session: { ttl: 1_234 }, heartbeat: { interval: 2_000, timeout: 500 }, maxPayload: 5_000 })
    const { link, welcome } = await begin(path.url, { protocols: ['chat'] })
    const { sid, key, ...terms } = welcome
    assert.match(sid, /^[\w-]{22}$/)
    assert.match(key, /^[\w-]{43}$/)
    assert.deepEqual(terms, { proto: 'chat', ttl: 1_234, ping: 2_000, dead: 2_500, max: 5_000, spread: 0 })
    assert.equal(link.protocol, 'holdfast.v1')
    const socket = await path.socket()
    assert.deepEqual([socket.sessionId, socket.protocol, socket.readyState, socket.attached], [sid, 'chat', 1, true])
  })

  test('exchanges text and bytes unchanged, what begins with the mark of control included', async () => {
    await using path = await startServer()
    path.server.on('connection', (socket) => socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })))
    const { link } = await begin(path.url)
    const texts = ['hello', '', 'grüße 🙂', `a${dle}`]
    for (const text of texts) {
      link.send(text)
      assert.equal(await link.nextData(), text)
    }
    for (const text of [dle, `${dle}A0`, `${dle}${dle}x`]) {
      link.send(dle + text)
      assert.equal(await link.nextData(), dle + text)
    }
    for (const bytes of [Buffer.alloc(0), Buffer.from([0x10, 0x41]), Buffer.alloc(70_000, 7)]) {
      link.send(bytes)
      assert.deepEqual(await link.nextData(), bytes)
    }
  })

  test('survives the reset of its link, and nothing is lost either way', async () => {
    await using path = await startServer()
    const { link, welcome } = await begin(path.url)
    const socket = await path.socket()
    const texts = textsOf(socket)
    socket.send('s1')
    link.send('c1')
    await link.nextData()
    await until(() => texts.length === 1, 'message')
    const lost = next(socket, 'lost')
    link.reset()
    const [close] = await lost
    assert.deepEqual([close.code, close.cause], [1006, 'network'])
    assert.deepEqual([socket.readyState, socket.attached, path.server.clients.has(socket)], [1, false, true])
    socket.send('s2')
    const resumed = next(socket, 'resumed')
    const { link: second, spliced } = await resume(path.url, welcome, { recv: 1 })
    assert.deepEqual([spliced.recv, spliced.base, spliced.sent], [1, 1, 2])
    assert.equal(await second.nextData(), 's2')
    second.send('c2')
    const [details, request] = await resumed
    assert.equal(details.replayed, 1)
    assert.ok(details.downtime >= 0)
    assert.equal(socket.request, request)
    await until(() => texts.length === 2, 'message')
    assert.deepEqual(texts, ['c1', 'c2'])
    assert.deepEqual([socket.attached, path.sockets.length], [true, 1], 'connection came once')
    assert.equal(second.protocol, 'holdfast.v1.resume')
  })

  test('drops what comes twice after a resumption', async () => {
    await using path = await startServer()
    const { link, welcome } = await begin(path.url)
    const socket = await path.socket()
    const texts = textsOf(socket)
    link.send('1')
    await until(() => texts.length === 1, 'message')
    link.reset()
    const { link: second, spliced } = await resume(path.url, welcome)
    assert.equal(spliced.recv, 1)
    second.send('2')
    await until(() => texts.length === 2, 'message')
    assert.deepEqual(texts, ['1', '2'])
  })

  test('is taken over by a later attempt while its link is alive', async () => {
    await using path = await startServer()
    const { link, welcome } = await begin(path.url)
    const socket = await path.socket()
    const { link: second } = await resume(path.url, welcome, { attempt: 2 })
    assert.deepEqual(await inTime(link.closed, 'end of the old link'), { code: 3801, reason: `${cid}.2` })
    socket.send('over the new one')
    assert.equal(await second.nextData(), 'over the new one')
    assert.equal(socket.attached, true)
  })

  test('is refused to who proves nothing: unknown', async () => {
    await using path = await startServer()
    const { welcome } = await begin(path.url)
    const key = Buffer.alloc(32).toString('base64url')
    assert.deepEqual(await refusal(path.url, welcome, { key }), { why: 'unknown' })
    assert.deepEqual(await refusal(path.url, welcome, { sid: Buffer.alloc(16).toString('base64url') }), { why: 'unknown' })
    assert.equal((await path.socket()).attached, true, 'and its link is left alone')
  })

  test('is refused to another holder and to an older attempt: stale', async () => {
    await using path = await startServer()
    const { welcome } = await begin(path.url)
    await resume(path.url, welcome, { attempt: 3 })
    assert.deepEqual(await refusal(path.url, welcome, { attempt: 3 }), { why: 'stale', recv: 0 })
    assert.deepEqual(await refusal(path.url, welcome, { attempt: 4, cid: otherCid }), { why: 'stale', recv: 0 })
    assert.equal((await path.socket()).attached, true)
  })

  test('is refused to who was told more than was sent: state', async () => {
    await using path = await startServer()
    const { welcome } = await begin(path.url)
    assert.deepEqual(await refusal(path.url, welcome, { recv: 1 }), { why: 'state', recv: 0 })
  })

  test('expires when nobody comes back in time, and says so to who comes later', async () => {
    await using path = await startServer({ session: { ttl: 30 } })
    const { link, welcome } = await begin(path.url)
    const socket = await path.socket()
    const texts = textsOf(socket)
    link.send('1')
    await until(() => texts.length === 1, 'message')
    const closed = next(socket, 'close')
    link.reset()
    const [code, reason] = await closed
    assert.deepEqual([code, String(reason)], [1006, 'session-lost:expired'])
    assert.deepEqual([socket.readyState, path.server.clients.size, socket.closeInfo?.cause], [3, 0, 'session-lost'])
    assert.deepEqual(await refusal(path.url, welcome), { why: 'expired', recv: 1 })
  })

  test('is not begun by a link that says anything else first', async () => {
    await using path = await startServer()
    const { welcome } = await begin(path.url)
    const link = await dial(path.url, ['holdfast.v1.resume'])
    link.send('hello')
    assert.equal((await inTime(link.closed, 'end')).code, 3806)
    assert.equal((await path.socket()).attached, true)
    await resume(path.url, welcome)
  })

  test('ends on a violation, on both sides', async () => {
    await using path = await startServer()
    const { link, welcome } = await begin(path.url)
    const socket = await path.socket()
    const errors: Error[] = []
    socket.on('error', (error) => errors.push(error))
    const closed = next(socket, 'close')
    link.control('A', 5)
    assert.equal((await inTime(link.closed, 'end')).code, 3806)
    assert.equal((await closed)[0], 1006)
    assert.equal(socket.closeInfo?.cause, 'protocol')
    assert.equal(errors.length, 1)
    assert.equal((await refusal(path.url, welcome)).why, 'expired')
  })

  test('answers a ping with what it was told, and acknowledges within a second or so', async () => {
    await using path = await startServer({ heartbeat: false }) // a ping of the server's would acknowledge, too
    const { link } = await begin(path.url)
    link.send('1')
    link.control('P', '7,0')
    assert.equal(await link.nextControl('O'), '7,1')
    link.send('2')
    assert.equal(await link.nextControl('A'), '2')
  })

  test('is pinged in silence, and its link given up when nothing comes back; the session stays', async () => {
    await using path = await startServer({ heartbeat: { interval: 40, timeout: 60 } })
    const { link, welcome } = await begin(path.url)
    const socket = await path.socket()
    const [, count, spread] = (await link.nextControl('P')).split(',')
    assert.deepEqual([count, spread], ['0', '0'])
    const lost = next(socket, 'lost')
    ;(link.ws as any)._socket.pause()
    assert.equal((await lost)[0].cause, 'heartbeat-timeout')
    await resume(path.url, welcome)
    assert.equal(socket.attached, true)
  })

  test('measures the round trip', async () => {
    await using path = await startServer({ heartbeat: { interval: 20, timeout: 5_000 } })
    const { link } = await begin(path.url)
    const socket = await path.socket()
    assert.equal(socket.rtt, null)
    const [id] = (await link.nextControl('P')).split(',')
    link.control('O', `${id},0`)
    await until(() => socket.rtt !== null, 'round trip')
    assert.ok(socket.rtt! >= 0)
  })

  test('survives one cut after the other', async () => {
    await using path = await startServer()
    const { link, welcome } = await begin(path.url)
    const socket = await path.socket()
    for (let attempt = 1; attempt <= 5; attempt++) socket.send(`message ${attempt}`)
    await link.nextData()
    let carrier = link
    for (let attempt = 1; attempt <= 5; attempt++) {
      carrier.reset()
      const second = await ask(path.url, welcome, { attempt, recv: attempt - 1 })
      assert.equal(await second.nextData(), `message ${attempt}`)
      carrier = second
    }
  })

  test('is not begun by a full server, which says busy; those that it has are resumed', async () => {
    await using path = await startServer({ session: { maxSessions: 1 } })
    const { welcome } = await begin(path.url)
    const link = await dial(path.url, ['holdfast.v1'])
    assert.equal(JSON.parse(await link.nextControl('X')).why, 'busy')
    assert.equal((await inTime(link.closed, 'end')).code, 3803)
    assert.equal(path.sockets.length, 1)
    await resume(path.url, welcome)
  })
})
