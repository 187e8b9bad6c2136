// Behind the proxies that people have: they end what is idle, they are restarted, and they say where a request came from.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type ReconnectingWebSocketOptions, WebSocket } from 'holdfast'
import { EventRecord } from '../client/record.ts'
import { until } from '../fault/patience.ts'
import { needs } from '../peers/requirement.ts'
import { fronts, startFront } from './front.ts'
import { openRoute } from './gateway.ts'

const idleMs = 400
const never = { interval: 60_000, timeout: 10_000 }
const retry = { minDelay: 5, maxDelay: 50, maxRetries: Infinity }
const options: ReconnectingWebSocketOptions = { resume: true, retry, heartbeat: never }

for (const program of fronts) {
  describe(`behind ${program.name}`, { ...needs(program.name), timeout: 60_000 }, () => {
    test('an idle session is kept open by the pings of the gateway', async () => {
      await using route = await openRoute({ heartbeat: { interval: 80, timeout: 5_000 } })
      await using front = await startFront(program, route.port, idleMs)
      await using socket = new WebSocket(`${front.url}/echo`, null, options)
      const record = new EventRecord(socket)
      await record.until('open')
      await new Promise((resolve) => setTimeout(resolve, 3 * idleMs))
      socket.send('still here')
      await record.until('message')
      assert.deepEqual(record.lines, ['open 1', 'message 1 still here'])
    })

    test('a session whose links it ends for being idle goes on over others, and the backend does not know', async () => {
      await using route = await openRoute({ heartbeat: never, upstreamHeartbeat: { interval: 50, timeout: 5_000 } })
      await using front = await startFront(program, route.port, idleMs)
      await using socket = new WebSocket(`${front.url}/echo`, null, options)
      const record = new EventRecord(socket)
      await record.until('open')
      for (let time = 1; time <= 2; time++) {
        await record.until('resumed', time)
        socket.send(`${time}`)
        await record.until('message', time)
      }
      assert.equal(record.all('close').length, 0)
      assert.deepEqual([route.peer.connections.length, route.peer.count('closed')], [1, 0])
    })

    test('a restart of it costs no message', async () => {
      await using route = await openRoute()
      await using front = await startFront(program, route.port, 60_000)
      await using socket = new WebSocket(`${front.url}/echo`, null, options)
      const record = new EventRecord(socket)
      await record.until('open')
      let sent = 0
      const timer = setInterval(() => socket.send(`${sent++}`), 1)
      await until(() => sent > 100, 'messages')
      await front.restart()
      await record.until('resumed')
      await until(() => sent > 500, 'messages')
      clearInterval(timer)
      await until(() => record.all('message').length === sent, 'all echoes')
      assert.deepEqual(
        record.all('message').map(({ data }) => Number(data)),
        Array.from({ length: sent }, (_, number) => number),
      )
      assert.deepEqual([route.peer.connections.length, record.all('close').length], [1, 0])
    })

    test('the backend sees where a client came from, once the proxy is trusted', async () => {
      for (const [trustProxies, seen] of [
        [['127.0.0.1'], '127.0.0.1, 127.0.0.1'],
        [false, '127.0.0.1'],
      ] as const) {
        await using route = await openRoute({ trustProxies })
        await using front = await startFront(program, route.port, idleMs)
        await using socket = new WebSocket(`${front.url}/echo`, null, options)
        await socket.opened
        assert.equal(route.peer.attempts[0]!.headers['x-forwarded-for'], seen)
      }
    })
  })
}
