// More than a link takes at once goes on as the link drains: no timer is needed for it.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { WebSocket } from '../../packages/holdfast/src/node.ts'
import { WebSocketServer } from '../../packages/holdfast/src/server.ts'

const count = 9_000
const withoutTimers = {
  now: () => performance.now(),
  wall: () => Date.now(),
  random: Math.random,
  setTimer: () => 0,
  clearTimer: () => {},
}

for (const [name, options] of [
  ['ws', {}],
  [
    'the WebSocket of the platform',
    {
      WebSocket: globalThis.WebSocket,
      clock: { ...withoutTimers, setTimer: (run: () => void, ms: number) => (ms < 100 ? setTimeout(run, ms) : 0) },
    },
  ],
] as const) {
  test(`a burst of ${count} messages over ${name} leaves though no second passes`, async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    try {
      await once(server, 'listening')
      const received: string[] = []
      const { port } = server.address() as AddressInfo
      const socket = new WebSocket(`ws://127.0.0.1:${port}/`, [], { resume: true, clock: withoutTimers, ...options })
      const [peer] = await once(server, 'connection')
      const all = new Promise<void>((resolve) => {
        peer.on('message', (data: Buffer) => {
          if (received.push(String(data)) === count) resolve()
        })
      })
      await socket.opened
      const sent = Array.from({ length: count }, (_, index) => `${index}`.padEnd(125, '.'))
      for (const message of sent) socket.send(message)
      await all
      assert.deepEqual(received, sent)
      socket.close()
      await socket.closed
    } finally {
      server.close()
    }
  })
}
