// A client that did not run for a while, by its own doing or because it was stopped, in front of a server that is well: the silence of
// that time says nothing about the server.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startWs, type WsPeer } from '../peers/ws.ts'
import { startClient } from './client.ts'
import { until } from './patience.ts'

const retry = { minDelay: 20, maxDelay: 100, maxRetries: Infinity }
const heartbeat = { interval: 500, timeout: 1_500 }
/** More than an interval and the deadline after it. */
const stallMs = 3_000

describe('a client that stood still', { concurrency: true, timeout: 120_000 }, () => {
  for (const transport of ['ws', 'native'] as const)
    describe(`over ${transport}`, { concurrency: true }, () => {
      let peer: WsPeer
      before(async () => {
        peer = await startWs()
      })
      after(() => peer.stop())

      test('whose event loop was blocked keeps its link', async () => {
        await using client = startClient({ url: `${peer.url}/echo?blocked`, transport, heartbeat, options: { retry } })
        await client.log.next('open')
        client.block(stallMs)
        client.send('after the stall')
        await client.log.next('message')
        await sleep(stallMs)
        const { dials, pings } = await client.stats()
        assert.deepEqual([client.log.count('close'), dials], [0, 1])
        assert.ok(pings > 0)
      })

      test('whose event loop is blocked again and again, so that every tick is late, keeps its link', async () => {
        await using client = startClient({ url: `${peer.url}/echo?choppy`, transport, heartbeat, options: { retry } })
        await client.log.next('open')
        for (let i = 0; i < 4; i++) {
          client.block(900)
          await sleep(950)
        }
        client.send('after the stalls')
        await client.log.next('message')
        assert.deepEqual([client.log.count('close'), (await client.stats()).dials], [0, 1])
      })

      test('because it was stopped asks once and goes on', async () => {
        const rarelyPings = { interval: 120_000, timeout: 1_500 }
        await using client = startClient({ url: `${peer.url}/echo?stopped`, transport, heartbeat: rarelyPings, options: { retry } })
        await client.log.next('open')
        client.stop()
        await sleep(stallMs)
        client.go()
        await until(async () => (await client.stats()).pings > 0, 'ping after the stop')
        // Long enough for an unanswered ping to have cost the link.
        await sleep(1.5 * rarelyPings.timeout)
        const { dials, pings } = await client.stats()
        assert.deepEqual([client.log.count('close'), dials, pings], [0, 1, 1])
      })

      test('while much was sent to it loses nothing', async () => {
        await using client = startClient({
          url: `${peer.url}/feed?every=5ms`,
          transport,
          heartbeat: { interval: 400, timeout: 2_000 },
          options: { retry },
        })
        for (let i = 1; i <= 3; i++) {
          await client.log.atLeast(i * 100, 'message')
          client.block(1_000)
          client.stop()
          await sleep(1_000)
          client.go()
        }
        await client.log.atLeast(600, 'message')
        assert.equal(client.log.count('close'), 0)
        assert.deepEqual(
          client.log.texts,
          client.log.texts.map((_, index) => String(index + 1)),
        )
      })
    })
})
