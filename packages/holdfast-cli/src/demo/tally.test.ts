import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DemoEvent } from './event.ts'
import { Tally } from './tally.ts'

const lost = { event: 'lost', code: 1006, reason: '', cause: 'heartbeat-timeout', upMs: 1_000, silentMs: 700, retry: null } as const

function tallyOf(events: readonly (readonly [elapsedMs: number, event: DemoEvent])[]): Tally {
  const tally = new Tally()
  for (const [elapsedMs, event] of events) tally.receive({ at: 0, elapsedMs, ...event })
  return tally
}

test('links, losses and outages add up', () => {
  const tally = tallyOf([
    [100, { event: 'open', link: 1, downMs: null }],
    [1_100, lost],
    [1_200, { event: 'failed', cause: 'network', error: '', retry: null }],
    [1_600, { event: 'open', link: 2, downMs: 500 }],
  ])
  assert.deepEqual(tally.sum(2_000), {
    durationMs: 2_000,
    openMs: 1_400,
    links: 2,
    losses: 1,
    lossesByCause: { 'heartbeat-timeout': 1 },
    longestSilenceMs: 700,
    longestOutageMs: 500,
    failedDialsByCause: { network: 1 },
  })
})

test('an outage that lasts until the end counts', () => {
  const tally = tallyOf([
    [0, { event: 'open', link: 1, downMs: null }],
    [1_000, lost],
  ])
  assert.equal(tally.sum(4_000).longestOutageMs, 3_000)
})

test('the time before the first link is no outage', () => {
  const { openMs, longestOutageMs } = tallyOf([]).sum(4_000)
  assert.deepEqual([openMs, longestOutageMs], [0, 0])
})

test('a final close ends the link that was open', () => {
  const tally = tallyOf([
    [0, { event: 'open', link: 1, downMs: null }],
    [300, { event: 'closed', code: 1008, reason: '', cause: 'server', wasOpen: true, silentMs: 10 }],
  ])
  const { openMs, losses, lossesByCause } = tally.sum(900)
  assert.deepEqual([openMs, losses, lossesByCause], [300, 1, { server: 1 }])
})
