import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSchedule } from './schedule.ts'
import { plainShape } from './shape.ts'
import { Timeline } from './timeline.ts'

const timelineOf = (text: string, shape = plainShape): Timeline => new Timeline(parseSchedule(text), shape)

/** What a timeline does when it is asked exactly on time, a fault a line. */
const played = (timeline: Timeline, endMs = 100_000): string[] => {
  const lines: string[] = []
  for (let now = timeline.deadline; now <= endMs; now = timeline.deadline) {
    for (const { kind, ...rest } of timeline.tick(now)) lines.push([now, kind, ...Object.values(rest)].join(' '))
  }
  return lines
}

test('steps happen in the order of their time, whatever the order of the lines', () => {
  assert.deepEqual(played(timelineOf('at 2s reset\nat 1s cut')), ['1000 cut', '2000 reset'])
})

test('a fault with an end is undone', () => {
  const timeline = timelineOf('at 1s freeze up for 2s drop\nat 5s refuse for 1s\nat 7s delay 5ms jitter 1ms for 1s')
  assert.deepEqual(played(timeline), [
    '1000 freeze up drop',
    '3000 heal up drop',
    '5000 refuse',
    '6000 accept',
    '7000 delay 5 1',
    '8000 delay 0 0',
  ])
  assert.equal(timeline.deadline, Number.POSITIVE_INFINITY)
})

test('what rules below a fault comes back when it ends', () => {
  const timeline = timelineOf(
    'at 1s slice 10 for 10s\nat 2s slice 20 for 2s\nat 3s limit 9 for 1s\nat 20s limit 5\nat 21s limit 6 for 1s',
    {
      ...plainShape,
      maxSliceBytes: 99,
      bytesPerSecond: 88,
    },
  )
  assert.deepEqual(played(timeline), [
    '1000 slice 10',
    '2000 slice 20',
    '3000 limit 9',
    '4000 slice 10',
    '4000 limit 88',
    '11000 slice 99',
    '20000 limit 5',
    '21000 limit 6',
    '22000 limit 5',
  ])
})

test('an older fault that ends under a younger one changes nothing', () => {
  const timeline = timelineOf('at 1s delay 10ms for 2s\nat 2s delay 20ms for 5s')
  assert.deepEqual(played(timeline), ['1000 delay 10 0', '2000 delay 20 0', '7000 delay 0 0'])
})

test('a way heals when its last freeze ends', () => {
  const timeline = timelineOf(
    'at 1s freeze both for 2s drop\nat 2s freeze up for 3s release\nat 10s freeze down\nat 11s freeze both for 1s',
  )
  assert.deepEqual(played(timeline), [
    '1000 freeze both drop',
    '2000 freeze up release',
    '3000 heal down drop',
    '5000 heal up release',
    '10000 freeze down release',
    '11000 freeze both release',
    '12000 heal up release',
  ])
})

test('two refusals that overlap end together', () => {
  assert.deepEqual(played(timelineOf('at 1s refuse for 3s\nat 2s refuse for 5s')), ['1000 refuse', '2000 refuse', '7000 accept'])
})

test('a step that undoes a fault takes its end away', () => {
  const timeline = timelineOf('at 1s freeze for 9s\nat 2s heal\nat 3s refuse for 9s\nat 4s accept\nat 5s slice 1 for 9s\nat 6s slice off')
  assert.deepEqual(played(timeline), [
    '1000 freeze both release',
    '2000 heal both release',
    '3000 refuse',
    '4000 accept',
    '5000 slice 1',
    '6000 slice 0',
  ])
})

test('a repetition goes on until its end, and misses are not made up for', () => {
  assert.deepEqual(played(timelineOf('every 1s cut until 3s')), ['1000 cut', '2000 cut', '3000 cut'])
  const timeline = timelineOf('every 1s cut')
  assert.equal(timeline.tick(5500).length, 1)
  assert.equal(timeline.deadline, 6000)
})

test('a fault that begins late still lasts its time', () => {
  const timeline = timelineOf('at 1s refuse for 1s')
  assert.deepEqual(timeline.tick(5000), [{ kind: 'refuse' }])
  assert.equal(timeline.deadline, 6000)
})

test('a stop undoes what has an end and leaves what has none', () => {
  const timeline = timelineOf(
    'at 0s limit 7\nat 0s delay 1ms\nat 0s delay 2ms for 9s\nat 0s freeze for 9s drop\nat 0s refuse for 9s\nat 1s cut',
  )
  timeline.tick(0)
  assert.deepEqual(timeline.stop(), [
    { kind: 'accept' },
    { kind: 'heal', direction: 'both', held: 'drop' },
    { kind: 'delay', ms: 1, jitter: 0 },
  ])
  assert.equal(timeline.deadline, Number.POSITIVE_INFINITY)
  assert.deepEqual(timeline.stop(), [])
})
