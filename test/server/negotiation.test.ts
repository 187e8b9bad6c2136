// What a server makes of the subprotocols and extensions that it is offered.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { WebSocket } from 'ws'
import { inTime } from '../fault/patience.ts'
import { begin, dial, dle, resume } from './script-client.ts'
import { next, startServer } from './server.ts'

/** What a server selects of such an offer; undefined where it selects none, which fails the handshake. */
function selected(url: string, tokens: string[]): Promise<string | undefined> {
  const ws = new WebSocket(url, tokens)
  return inTime(
    new Promise<string | undefined>((resolve) => {
      ws.once('open', () => {
        resolve(ws.protocol)
        ws.terminate()
      })
      ws.once('error', () => resolve(undefined))
    }),
    'handshake',
  )
}

describe('negotiation', { timeout: 60_000 }, () => {
  test('picks our token wherever it stands', async () => {
    await using path = await startServer()
    assert.equal(await selected(path.url, ['holdfast.v1']), 'holdfast.v1')
    assert.equal(await selected(path.url, ['chat', 'holdfast.v1']), 'holdfast.v1')
    assert.equal(await selected(path.url, ['chat', 'holdfast.v1', 'mqtt']), 'holdfast.v1')
    assert.equal(await selected(path.url, ['holdfast.off', 'holdfast.v1.resume']), 'holdfast.v1.resume')
  })

  test('never selects holdfast.off, nor what begins like a name of ours', async () => {
    await using path = await startServer()
    assert.equal(await selected(path.url, ['holdfast.off']), undefined)
    assert.equal(await selected(path.url, ['holdfast.v2', 'chat']), 'chat')
  })

  test('takes the first of P for the application, and tells it in the welcome', async () => {
    await using path = await startServer()
    assert.equal((await begin(path.url, { protocols: ['b', 'a'] })).welcome.proto, 'b')
    assert.equal((await path.socket()).protocol, 'b')
  })

  test('asks handleProtocols over P alone, for a new session and a plain client, and not at all for an empty P', async () => {
    const asked: string[][] = []
    await using path = await startServer({
      handleProtocols: (protocols) => {
        asked.push([...protocols])
        return [...protocols].at(-1)!
      },
    })
    const { link, welcome } = await begin(path.url, { protocols: ['a', 'b'] })
    assert.equal(welcome.proto, 'b')
    assert.equal((await begin(path.url)).welcome.proto, '')
    link.reset()
    await resume(path.url, welcome, {}, { protocols: ['a', 'b'] })
    assert.equal((await path.socket()).protocol, 'b', 'the session keeps what it has')
    const plain = await dial(path.url, [], { protocols: ['x', 'holdfast.off'] })
    assert.equal(plain.protocol, 'x')
    assert.deepEqual(asked, [['a', 'b'], ['x']])
  })

  test('handleProtocols that returns false leaves a session without a subprotocol', async () => {
    await using path = await startServer({ handleProtocols: () => false })
    assert.equal((await begin(path.url, { protocols: ['a'] })).welcome.proto, '')
  })

  test('without sessions every client is a plain one, and the offer is answered as ws does', async () => {
    await using path = await startServer({ session: false })
    const link = await dial(path.url, ['holdfast.v1'])
    assert.equal(link.protocol, 'holdfast.off', 'so a client of sessions learns that this server has none')
    const socket = await path.socket()
    assert.equal(socket.sessionId, null)
    socket.send(`${dle}x`)
    assert.equal(await link.next(), `${dle}x`, 'and nothing of ours is on the wire')
  })

  test('a message of maxPayload passes, escaped too, and one more byte ends the session with 1009', async () => {
    await using path = await startServer({ maxPayload: 6_000 })
    const { link } = await begin(path.url)
    const socket = await path.socket()
    const largest = dle + 'x'.repeat(5_999)
    const message = next(socket, 'message')
    link.send(dle + largest)
    assert.equal(String((await message)[0]), largest)
    const closed = next(socket, 'close')
    link.send('x'.repeat(6_002))
    assert.equal((await closed)[0], 1009)
    assert.equal((await inTime(link.closed, 'end')).code, 1009)
  })

  test('a limit below the size of a control frame binds messages and not control', async () => {
    await using path = await startServer({ maxPayload: 10 })
    const { link, welcome } = await begin(path.url)
    assert.equal(welcome.max, 10)
    const socket = await path.socket()
    link.reset()
    const { link: second } = await resume(path.url, welcome)
    const closed = next(socket, 'close')
    second.send('x'.repeat(11))
    assert.equal((await closed)[0], 1009)
    assert.equal((await inTime(second.closed, 'end')).code, 1009)
  })

  test('compression is granted without a window at the client, and messages arrive whole', async () => {
    await using path = await startServer({ perMessageDeflate: { threshold: 0 } })
    const headers: string[] = []
    path.server.on('headers', (lines) => headers.push(...lines))
    path.server.on('connection', (socket) => socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })))
    const { link } = await begin(path.url, { perMessageDeflate: true })
    assert.ok(
      headers.some((line) => /permessage-deflate.*client_no_context_takeover/.test(line)),
      headers.join('\n'),
    )
    const texts = Array.from({ length: 50 }, (_, index) => `${index} `.repeat(500))
    for (const text of texts) link.send(text)
    for (const text of texts) assert.equal(await link.nextData(), text)
    assert.equal((await path.socket()).extensions, 'permessage-deflate')
  })
})
