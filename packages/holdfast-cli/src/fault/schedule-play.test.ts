import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { FaultProxy } from './fault-proxy.ts'
import type { FaultRecord } from './record.ts'
import { parseSchedule } from './schedule.ts'
import { playSchedule } from './schedule-play.ts'

const stage = async (t: TestContext) => {
  const names: FaultRecord['event'][] = []
  const watchers = new Map<string, () => void>()
  const proxy = await FaultProxy.listen({
    upstream: '127.0.0.1:9',
    log: ({ event }) => {
      names.push(event)
      watchers.get(event)?.()
    },
  })
  t.after(() => proxy.close())
  const happens = (event: FaultRecord['event']) => new Promise<void>((resolve) => watchers.set(event, resolve))
  return { proxy, names, happens }
}

test('a schedule is played to its end', async (t) => {
  const { proxy, names } = await stage(t)
  const startedAt = performance.now()
  await playSchedule(proxy, parseSchedule('at 5ms cut\nat 10ms freeze for 10ms\nat 15ms refuse for 10ms\nat 40ms reset'))
  assert.ok(performance.now() - startedAt >= 39)
  assert.deepEqual(
    names.filter((name) => name === 'cut' || name === 'reset' || name === 'freeze' || name === 'heal').join(),
    'cut,freeze,heal,reset',
  )
  assert.ok(names.indexOf('refuse') < names.indexOf('accept'))
})

test('a schedule that is stopped undoes what it was about', async (t) => {
  const { proxy, names, happens } = await stage(t)
  const stop = new AbortController()
  const refused = happens('refuse')
  const play = playSchedule(proxy, parseSchedule('at 0ms freeze for 1h\nat 0ms slice 5 for 1h\nat 0ms refuse for 1h\nevery 1h cut'), {
    signal: stop.signal,
  })
  await refused
  assert.equal(proxy.shape.maxSliceBytes, 5)
  stop.abort()
  await play
  assert.deepEqual(names, ['listen', 'freeze', 'slice', 'refuse', 'accept', 'slice', 'heal'])
  assert.equal(proxy.shape.maxSliceBytes, 0)
})

test('a schedule ends when its proxy closes', async (t) => {
  const { proxy, names, happens } = await stage(t)
  const refused = happens('refuse')
  const play = playSchedule(proxy, parseSchedule('at 0ms refuse for 1h\nevery 1h cut'))
  await refused
  await proxy.close()
  await play
  assert.deepEqual(names, ['listen', 'refuse', 'close'])
})

test('a schedule whose signal is aborted already does nothing', async (t) => {
  const { proxy, names } = await stage(t)
  await playSchedule(proxy, parseSchedule('at 0ms cut'), { signal: AbortSignal.abort() })
  assert.deepEqual(names, ['listen'])
})
