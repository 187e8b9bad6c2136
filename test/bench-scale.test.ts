/** What the benches of the server, the storm and the fleet calculate, and a fleet that is small enough to be simulated here. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { EventQueue } from '../bench/fleet/event-queue.ts'
import { Fleet, type FleetConfig, type FleetResult } from '../bench/fleet/fleet.ts'
import { type Decision, type Dial, FleetServer, taken } from '../bench/fleet/server.ts'
import { type StrategyName, strategyNames } from '../bench/fleet/strategy.ts'
import { returnOf, slicesOf } from '../bench/storm/return.ts'

describe('the event queue', () => {
  it('gives events back by their time, and those of one time in the order in which they were planned', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 3_000 }), (times) => {
        const queue = new EventQueue()
        for (const [index, at] of times.entries()) queue.plan(at, 7, index, 2 * index)
        const taken: [number, number][] = []
        while (queue.take()) {
          assert.deepEqual([queue.kind, queue.link], [7, 2 * queue.client])
          taken.push([queue.at, queue.client])
        }
        const expected = times.map((at, index): [number, number] => [at, index]).sort(([a, i], [b, j]) => a - b || i - j)
        assert.deepEqual(taken, expected)
      }),
    )
  })

  it('takes more while it gives', () => {
    const queue = new EventQueue()
    queue.plan(1, 0, 0, 0)
    const seen: number[] = []
    while (queue.take()) {
      seen.push(queue.at)
      if (queue.at < 4) queue.plan(queue.at + 1, 0, 0, 0)
    }
    assert.deepEqual(seen, [1, 2, 3, 4])
  })
})

describe('the server of a fleet', () => {
  const traits = { acceptMs: 10, refuseMs: 1, acceptQueue: 3 }
  const dialOf = (client: number): Dial => ({ client, link: 1 })

  function subject(decide: ((now: number, dial: Dial) => Decision) | undefined) {
    const answers: [at: number, client: number, decision: Decision][] = []
    const server = new FleetServer(traits, decide, (at, { client }, decision) => answers.push([at, client, decision]))
    const work = () => {
      while (server.dueAt < Infinity) server.turn()
      return answers
    }
    return { server, work }
  }

  it('has nothing to do until somebody comes', () => assert.equal(subject(undefined).server.dueAt, Infinity))

  it('without admission takes one after the other, and what finds the queue full is not answered', () => {
    const { server, work } = subject(undefined)
    assert.deepEqual(
      [1, 2, 3, 4].map((client) => server.arrive(100, dialOf(client))),
      [true, true, true, false],
    )
    assert.deepEqual(work(), [
      [110, 1, taken],
      [120, 2, taken],
      [130, 3, taken],
    ])
  })

  it('with admission refuses at once, and then works off whom it took', () => {
    const { server, work } = subject((_, { client }) => (client === 2 ? 500 : taken))
    for (const client of [1, 2, 3]) server.arrive(100, dialOf(client))
    assert.deepEqual(work(), [
      [101, 2, 500],
      [111, 1, taken],
      [121, 3, taken],
    ])
  })
})

describe('how clients came back', () => {
  const openedAt = Array.from({ length: 100 }, (_, client) => 1_000 + 10 * client).reverse()

  it('is told by share, in seconds from the return of the server', () => {
    const { p50, p99, p100, attempts } = returnOf(100, 990, { startedAt: 0, openedAt, dials: 250 }, openedAt)
    assert.deepEqual({ p50, p99, p100, attempts }, { p50: 0.5, p99: 0.99, p100: 1, attempts: 2.5 })
  })

  it('is not told of a share that never was', () => {
    const { p99, p100 } = returnOf(101, 990, { startedAt: 0, openedAt, dials: 250 }, openedAt)
    assert.deepEqual([p99, p100], [1, Infinity])
  })

  it('counts slices of 100 ms', () => {
    assert.deepEqual(slicesOf([0, 10, 99, 100, 250, 900], 0, 300), { peak: 3, mean: 5 / 3 })
    assert.deepEqual(slicesOf([], 0, 300), { peak: 0, mean: 0 })
  })
})

describe('a fleet of a thousand', () => {
  const simulate = (strategy: StrategyName, config: Partial<FleetConfig> = {}): FleetResult =>
    new Fleet({ strategy, clients: 1_000, outageMs: 5_000, ratePerSecond: 20, seed: 1, ...config }).run()

  for (const strategy of strategyNames) {
    it(`tells of everyone: ${strategy}`, () => {
      const { p50, p100, stranded, attempts } = simulate(strategy)
      assert.equal(stranded === 0, p100 !== null)
      assert.ok(p50 === null || p100 === null || p50 <= p100)
      assert.ok(attempts >= 1)
    })
  }

  it('that holds sessions is back in no more than 1.05 × the optimum, and nobody gives up', () => {
    const { p100, stranded } = simulate('holdfast, session kept')
    assert.equal(stranded, 0)
    assert.ok(p100! <= 1.05 * (1_000 / 20), `all back after ${p100} s`)
  })

  it('is the same for the same seed', () => {
    assert.deepEqual(simulate('holdfast, session kept'), simulate('holdfast, session kept'))
    assert.notDeepEqual(simulate('holdfast, session kept'), simulate('holdfast, session kept', { seed: 2 }))
  })
})
