// Thousands of clients and one event loop: the living are never cut because it stood still, and the dead are. Time is moved by hand.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { SessionSocket } from '../../packages/holdfast/src/server.ts'
import { HandClock } from '../client/hand-clock.ts'
import { openPath } from '../session/path.ts'
import { Crowd } from './crowd.ts'
import { begin, dial } from './script-client.ts'
import { next, startServer, type TestServer, turn } from './server.ts'

const periodMs = 30_000
const deadMs = 40_000
/** Between two looks at who has answered; less than an answer may take. */
const stepMs = 2_500
const secondMs = 1_000
const turnsForAll = 50
const session = { maxPerPrincipal: Infinity }

/** Draws that differ from link to link, and time that goes by in steps in which thousands who are due at once are looked at. */
class SpreadClock extends HandClock {
  #draws = 0
  override random(): number {
    this.#draws++
    return (this.#draws * 0.618) % 1
  }
  override async advance(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= secondMs) {
      await super.advance(Math.min(left, secondMs))
      await turns()
    }
  }
  override async sleep(ms: number): Promise<void> {
    await super.sleep(ms)
    await turns()
  }
}

async function turns(): Promise<void> {
  for (let count = 0; count < turnsForAll; count++) await turn()
}

/** Who was cut. */
function watch(sockets: readonly SessionSocket[]): Set<SessionSocket> {
  const cut = new Set<SessionSocket>()
  for (const socket of sockets) {
    socket.on('close', () => cut.add(socket))
    socket.on('lost', () => cut.add(socket))
  }
  return cut
}

/** Time goes by, as it does where a process runs, and whoever is asked answers. */
async function pass(clock: HandClock, ms: number, crowd: Crowd): Promise<void> {
  for (let passed = 0; passed < ms; passed += stepMs) {
    await clock.advance(stepMs)
    await crowd.answers()
  }
}

/** The event loop does not turn, while the world does. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

async function arrival({ sockets, server }: TestServer, count: number): Promise<void> {
  while (sockets.length < count) await next(server, 'connection')
}

describe('many clients', { timeout: 120_000 }, () => {
  test('2 000 are not cut, though the loop stands still again and again, for several deadlines each time', async () => {
    const clock = new SpreadClock()
    await using path = await startServer({ clock, session })
    await using crowd = await Crowd.open({ url: path.url, plain: 1_000, sessions: 1_000 })
    await arrival(path, 2_000)
    const cut = watch(path.sockets)
    for (let round = 0; round < 8; round++) {
      await clock.advance(6_000) // pings leave, and what answers them may not have come
      if (round % 2 === 0) block(100) // or has, and waits to be read
      await clock.sleep(3 * deadMs)
      await crowd.answers()
    }
    await pass(clock, 2 * periodMs, crowd)
    assert.equal(cut.size, 0)
    assert.equal(path.sockets.filter(({ rtt }) => rtt === null).length, 0, 'all were asked, and answered')
  })

  test('those whose process was stopped are cut, plain ones and sessions, and nobody else', async () => {
    const clock = new SpreadClock()
    await using path = await startServer({ clock, session })
    await using living = await Crowd.open({ url: path.url, plain: 50, sessions: 50 })
    await arrival(path, 100)
    await using dead = await Crowd.open({ url: path.url, plain: 50, sessions: 50 })
    await arrival(path, 200)
    const cut = watch(path.sockets)
    await pass(clock, periodMs, living)
    dead.stop()
    await pass(clock, deadMs + periodMs, living)
    assert.deepEqual(
      path.sockets.map((socket) => cut.has(socket)),
      path.sockets.map((_, index) => index >= 100),
    )
    assert.deepEqual([path.server.stats.plain, path.server.stats.attached, path.server.stats.sessions], [50, 50, 100])
  })

  test('one whose bytes are swallowed on the way is cut when its time is over and not before, plain or with a session', async () => {
    const clock = new SpreadClock()
    await using path = await openPath({ clock })
    await dial(path.url, [])
    const plain = await path.socket(0)
    const { link } = await begin(path.url)
    const held = await path.socket(1)
    link.send('here')
    await next(held, 'message')
    path.proxy.freeze()
    const cut = watch([plain, held])
    await clock.advance(deadMs - 1_000)
    assert.equal(cut.size, 0)
    await clock.advance(5_000)
    while (cut.size < 2) await turn()
    assert.deepEqual([held.readyState, held.attached, plain.readyState], [1, false, 3])
  })
})
