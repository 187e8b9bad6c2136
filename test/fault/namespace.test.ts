// Two hosts with a cable between them: a kernel on each side that believes in its TCP, and packets that go nowhere.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startGorilla } from '../peers/gorilla.ts'
import { createNamespaces, type Direction, type Host, type Namespaces } from '../peers/namespace.ts'
import type { ProcessPeer } from '../peers/process.ts'
import { needs } from '../peers/requirement.ts'
import { type ClientOrders, type ClientProcess, startClient } from './client.ts'

const retry = { minDelay: 50, maxDelay: 500, maxRetries: Infinity }
const heartbeat = { interval: 500, timeout: 800 }
const patience = { interval: 800, timeout: 20_000 }

describe('between two hosts', { ...needs('namespaces', 'gorilla'), timeout: 180_000 }, () => {
  let hosts: Namespaces
  let peer: ProcessPeer
  before(async () => {
    hosts = await createNamespaces()
    peer = await startGorilla({ host: hosts.server.address, within: hosts.server.within })
  })
  after(async () => {
    await peer?.stop()
    await hosts?.dispose()
  })

  const dial = (orders: Omit<ClientOrders, 'url'> = {}): ClientProcess =>
    startClient({ url: `${peer.url}/echo`, heartbeat, ...orders, options: { retry } }, hosts.client.within)

  for (const direction of ['both', 'toServer', 'toClient'] satisfies Direction[]) {
    test(`packets that vanish (${direction}) are noticed while TCP still calls the link open, and the next link carries data`, async () => {
      await using client = dial()
      await client.log.next('open')
      const link = established(hosts.client, peer.port)
      assert.equal(link.length, 1)
      await hosts.dropPackets(direction)
      await sleep(heartbeat.interval / 2)
      assert.deepEqual(established(hosts.client, peer.port), link)
      const close = await client.log.next('close')
      assert.deepEqual([close.code, close.cause, close.willReconnect], [1006, 'heartbeat-timeout', true])
      await hosts.passPackets()
      await client.log.next('open')
      await assertEcho(client, `after ${direction}`)
    })
  }

  test('the same over the WebSocket of Node', async () => {
    await using client = dial({ transport: 'native' })
    await client.log.next('open')
    await hosts.dropPackets()
    assert.equal((await client.log.next('close')).cause, 'heartbeat-timeout')
    await hosts.passPackets()
    await client.log.next('open')
    await assertEcho(client, 'after')
  })

  test('an interface that goes down for good is noticed, and the socket comes back with it', async () => {
    await using client = dial()
    await client.log.next('open')
    await hosts.client.linkDown()
    assert.equal((await client.log.next('close')).cause, 'heartbeat-timeout')
    await client.log.next('retry', ({ attempt }) => attempt >= 2)
    await hosts.client.linkUp()
    await client.log.next('open')
    await assertEcho(client, 'with the interface')
  })

  test('an interface that is gone for less than the deadline costs nothing', async () => {
    await using client = dial({ heartbeat: patience })
    await client.log.next('open')
    await hosts.client.linkDown()
    client.send('sent in the outage')
    await sleep(1_000)
    await hosts.client.linkUp()
    assert.equal((await client.log.next('message')).data, 'sent in the outage')
    assert.deepEqual([client.log.count('close'), (await client.stats()).dials], [0, 1])
  })

  test('a first dial into the void ends by connectTimeout, and is made again', async () => {
    await hosts.dropPackets('toServer')
    await using client = startClient({ url: `${peer.url}/echo`, heartbeat, options: { retry, connectTimeout: 1_000 } }, hosts.client.within)
    assert.equal((await client.log.next('error')).cause, 'connect-timeout')
    assert.equal(client.log.count('close'), 0, 'no session has ended, because none has begun')
    await hosts.passPackets()
    await client.log.next('open')
    await assertEcho(client, 'at last')
  })

  test('a host whose server is not there refuses, until it is', async () => {
    await using first = await startGorilla({ host: hosts.server.address, within: hosts.server.within })
    await using client = startClient({ url: `${first.url}/echo`, heartbeat, options: { retry } }, hosts.client.within)
    await client.log.next('open')
    await first.stop()
    assert.equal((await client.log.next('close')).cause, 'network')
    await client.log.next('retry', ({ attempt }) => attempt >= 2)
    await using _second = await startGorilla({ host: hosts.server.address, within: hosts.server.within, port: first.port })
    await client.log.next('open')
    await assertEcho(client, 'served again')
  })
})

async function assertEcho(client: ClientProcess, text: string): Promise<void> {
  client.send(text)
  assert.equal((await client.log.next('message')).data, text)
}

/** Local addresses of the connections to this port that a host's kernel holds for open. */
function established(host: Host, port: number): string[] {
  const [file = '', ...args] = [...host.within, 'ss', '-Htn', 'state', 'established', 'dport', '=', `:${port}`]
  const lines = execFileSync(file, args, { encoding: 'utf8' }).split('\n').filter(Boolean)
  return lines.map((line) => line.trim().split(/\s+/)[2]!)
}
