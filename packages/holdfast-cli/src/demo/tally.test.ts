import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClientEvent } from './event.ts'
import { Tally } from './tally.ts'

const loss = { code: 1006, reason: '', cause: 'heartbeat-timeout', upMs: 1_000, silentMs: 700 } as const
const lost = { event: 'lost', ...loss, session: null, unacknowledged: 0, retry: null } as const
const ending = { code: 1008, reason: '', cause: 'server', unconfirmed: 0, exact: true } as const

function tallyOf(events: readonly (readonly [elapsedMs: number, event: ClientEvent])[]): Tally {
  const tally = new Tally()
  for (const [elapsedMs, event] of events) tally.receive(event, elapsedMs)
  return tally
}

test('links, losses and outages add up', () => {
  const tally = tallyOf([
    [100, { event: 'open', link: 1, downMs: null, session: null }],
    [1_100, lost],
    [1_200, { event: 'failed', cause: 'network', error: '', retry: null }],
    [1_600, { event: 'open', link: 2, downMs: 500, session: null }],
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
    [0, { event: 'open', link: 1, downMs: null, session: null }],
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
    [0, { event: 'open', link: 1, downMs: null, session: null }],
    [300, { event: 'closed', ...ending, wasClean: true, wasOpen: true, silentMs: 10, session: null, error: '' }],
  ])
  const { openMs, losses, lossesByCause } = tally.sum(900)
  assert.deepEqual([openMs, losses, lossesByCause], [300, 1, { server: 1 }])
})

test('a session that goes on has another link', () => {
  const tally = tallyOf([
    [0, { event: 'open', link: 1, downMs: null, session: { id: 'abcd', ttlMs: 1_000 } }],
    [1_000, lost],
    [1_200, { event: 'resumed', link: 2, downMs: 200, received: 3, resent: 1, lost: 0 }],
    [1_500, { event: 'ended', session: { id: 'abcd', ttlMs: 1_000 }, ...ending, retry: null }],
  ])
  const { links, losses, openMs, longestOutageMs, lossesByCause } = tally.sum(1_600)
  assert.deepEqual([links, losses, openMs, longestOutageMs], [2, 2, 1_300, 200])
  assert.deepEqual(lossesByCause, { 'heartbeat-timeout': 1, server: 1 })
})

test('a link that a client drops without a word is lost to the network', () => {
  const tally = tallyOf([
    [0, { event: 'open', link: 1, downMs: null, session: null }],
    [500, { event: 'dropped', code: 1006, reason: '', upMs: 500, silentMs: 100 }],
  ])
  assert.deepEqual(tally.sum(600).lossesByCause, { network: 1 })
})
