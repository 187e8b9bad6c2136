import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Arrivals } from './arrivals.ts'
import type { ClientEvent } from './event.ts'
import { loadOther, OtherClient, type OtherSocket } from './other-client.ts'

type Listener = (event: any) => void

/** A socket of another library that a test moves by hand. */
class Puppet implements OtherSocket {
  static last: Puppet
  readyState = 0
  readonly sent: string[] = []
  readonly #listeners = new Map<string, Listener>()

  constructor() {
    Puppet.last = this
  }
  send(text: string): void {
    this.sent.push(text)
  }
  reconnect(): void {}
  close(): void {}
  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, listener)
  }
  emit(type: string, event: object = {}): void {
    this.#listeners.get(type)?.(event)
  }
}

test('a package that is not installed is left out', async () => {
  assert.equal(await loadOther('holdfast-no-such-package'), undefined)
})

test('its links are told, and a dial that fails is not taken for one', () => {
  const told: ClientEvent[] = []
  const client = new OtherClient(Puppet, 'ws://127.0.0.1:1/', { arrivals: new Arrivals(), connections: 0, ticks: 0 }, (event) =>
    told.push(event),
  )
  const over = new AbortController()
  client.watch(over.signal)
  const { last: puppet } = Puppet
  for (const type of ['close', 'open', 'close', 'close', 'open']) puppet.emit(type, { code: 1006, reason: '' })
  over.abort()
  puppet.emit('close', { code: 1000, reason: '' })
  assert.deepEqual(
    told.map(({ event }) => event),
    ['open', 'dropped', 'open'],
  )
})

test('what comes back is counted, and what was passed over is a gap', () => {
  const told: ClientEvent[] = []
  const client = new OtherClient(Puppet, 'ws://127.0.0.1:1/', { arrivals: new Arrivals(), connections: 0, ticks: 0 }, (event) =>
    told.push(event),
  )
  const over = new AbortController()
  client.watch(over.signal)
  for (const number of [1, 2, 2, 5]) Puppet.last.emit('message', { data: `${number} ${performance.now()}` })
  over.abort()
  const { count, duplicates, missing } = client.traffic.arrivals
  assert.deepEqual([count, duplicates, missing], [3, 1, 2])
  assert.deepEqual(told, [{ event: 'gap', first: 3, last: 4, missing: 2 }])
})
