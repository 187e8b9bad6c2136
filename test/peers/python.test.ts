import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { WebSocket } from 'ws'
import { dial, nextMessage } from './client.ts'
import type { ProcessPeer } from './process.ts'
import { startPython } from './python.ts'
import { needs } from './requirement.ts'

describe('the python server', needs('python'), () => {
  let peer: ProcessPeer
  before(async () => {
    peer = await startPython()
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

  test('closes with the code and reason it was asked for', async () => {
    assert.deepEqual(await dial(`${peer.url}/close?code=4401&reason=x&after=20ms`).closed, { code: 4401, reason: 'x' })
    await peer.waitFor(({ event, code, reason }) => event === 'closed' && code === 4401 && reason === 'x')
  })

  test('frozen, it answers nothing; thawed, it answers everything; frozen again, it can be ended', async () => {
    await using frozen = await startPython()
    const { socket, opened, messages } = dial(`${frozen.url}/echo`)
    await opened
    await frozen.freeze()
    socket.send('to a statue')
    const alive = dial(`${peer.url}/echo`)
    await alive.opened
    alive.socket.send('to the living')
    await nextMessage(alive.socket)
    assert.deepEqual(messages, [])
    frozen.thaw()
    await nextMessage(socket)
    await frozen.freeze()
    alive.socket.terminate()
  })
})

describe('the keepalive of the python server', needs('python'), () => {
  test('closes a client that sends no pongs with 1011', async () => {
    await using peer = await startPython({ pingInterval: 100, pingTimeout: 100 })
    const { closed } = dial(`${peer.url}/echo`, [], { autoPong: false })
    assert.deepEqual(await closed, { code: 1011, reason: 'keepalive ping timeout' })
    await peer.waitFor('keepalive timeout')
  })

  test('keeps a client that answers', async () => {
    await using peer = await startPython({ pingInterval: 100, pingTimeout: 10_000 })
    const { socket, opened } = dial(`${peer.url}/echo`)
    await opened
    await new Promise<void>((resolve) => {
      let pings = 0
      socket.on('ping', () => ++pings === 5 && resolve())
    })
    assert.equal(socket.readyState, WebSocket.OPEN)
    assert.equal(peer.count('closed'), 0)
    socket.terminate()
  })

  test('waits for ever for a pong when it has no timeout', async () => {
    await using peer = await startPython({ pingInterval: 20, pingTimeout: Infinity })
    const { socket, opened } = dial(`${peer.url}/echo`, [], { autoPong: false })
    await opened
    socket.send('still here')
    await nextMessage(socket)
    assert.equal(peer.count('keepalive timeout'), 0)
    socket.terminate()
  })
})
