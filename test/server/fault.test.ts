// Sessions through a network that breaks, with a client that does what the protocol says and no more.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FaultProxy } from '../../packages/holdfast-cli/src/fault/index.ts'
import { until } from '../fault/patience.ts'
import { begin, resume, type ScriptLink } from './script-client.ts'
import { next, startServer, textsOf } from './server.ts'

const heartbeat = { interval: 100, timeout: 200 }

/** Answers pings, as every client does. */
function answering(link: ScriptLink, delivered: () => number): void {
  link.ws.on('message', (data: Buffer) => {
    const frame = String(data)
    if (frame.startsWith('\u0010P')) link.control('O', `${frame.slice(2).split(',')[0]},${delivered()}`)
  })
}

describe('a session through a faulty network', { timeout: 60_000 }, () => {
  for (const fault of ['cut', 'reset', 'freeze'] as const)
    test(`goes on after the link was ${fault === 'freeze' ? 'frozen' : fault}, while both ends were sending`, async () => {
      await using path = await startServer({ heartbeat })
      const proxy = await FaultProxy.listen({ upstream: path.url })
      const { link, welcome } = await begin(proxy.url)
      answering(link, () => 0)
      const socket = await path.socket()
      const texts = textsOf(socket)
      for (let count = 0; count < 50; count++) {
        socket.send(`s${count}`)
        link.send(`c${count}`)
        if (count === 25) proxy[fault]()
      }
      await (socket.attached ? next(socket, 'lost') : undefined)
      if (fault === 'freeze') proxy.heal('drop')
      const { link: second, spliced } = await resume(proxy.url, welcome)
      answering(second, () => 50)
      for (let count = spliced.recv; count < 50; count++) second.send(`c${count}`)
      for (let count = 0; count < 50; count++) assert.equal(await second.nextData(), `s${count}`)
      await until(() => texts.length === 50, 'messages')
      assert.deepEqual(
        texts,
        Array.from({ length: 50 }, (_, index) => `c${index}`),
      )
      assert.equal(path.sockets.length, 1)
      await proxy.close()
    })

  test('is not ended by a slow and uneven one, and frames in pieces arrive whole', async () => {
    await using path = await startServer({ heartbeat: { interval: 50, timeout: 5_000 } })
    const proxy = await FaultProxy.listen({ upstream: path.url, delay: { ms: 20, jitter: 20 }, slice: 7 })
    const { link } = await begin(proxy.url)
    answering(link, () => 0)
    const socket = await path.socket()
    socket.on('lost', () => assert.fail('the link lives'))
    const texts = textsOf(socket)
    for (let count = 0; count < 20; count++) {
      link.send(`grüße ${count}`)
      socket.send(`grüße ${count}`)
      assert.equal(await link.nextData(), `grüße ${count}`)
    }
    await until(() => texts.length === 20, 'messages')
    await until(() => socket.rtt !== null && socket.rtt >= 20, 'round trip')
    await proxy.close()
  })
})
