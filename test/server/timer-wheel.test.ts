// The one timer of a server, on a clock that is turned by hand.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../../packages/holdfast/src/server/clock.ts'
import { type Timed, TimerWheel } from '../../packages/holdfast/src/server/timer-wheel.ts'
import { turn } from './server.ts'

/** How often awake time is looked at. */
const tickMs = 1_000
/** What rings together, and what does where it is more than a second away. */
const slotMs = 8
const groupMs = 32
/** In which even thousands of entries are looked at. */
const turns = 100

class HandClock implements Clock {
  time = 1_000_000
  timer: { readonly run: () => void; readonly at: number } | undefined
  armed = 0
  now(): number {
    return this.time
  }
  wall(): number {
    return this.time
  }
  random(): number {
    return 0
  }
  setTimer(run: () => void, ms: number): unknown {
    assert.equal(this.timer, undefined, 'one timer at a time')
    this.armed++
    this.timer = { run, at: this.time + ms }
    return this.timer
  }
  clearTimer(): void {
    this.timer = undefined
  }
  /** Moves on, from timer to timer. */
  async forward(ms: number): Promise<void> {
    const end = this.time + ms
    while (this.timer && this.timer.at <= end) {
      this.time = Math.max(this.time, this.timer.at)
      const { run } = this.timer
      this.timer = undefined
      run()
      for (let count = 0; count < turns && !this.timer; count++) await turn()
    }
    this.time = end
  }
}

class Entry implements Timed {
  slot = 0
  before: Timed | undefined
  behind: Timed | undefined
  deadline: number
  readonly rang: number[] = []
  readonly #clock: HandClock
  readonly #then: (entry: Entry) => void
  constructor(clock: HandClock, deadline: number, andThen: (entry: Entry) => void = (entry) => (entry.deadline = Infinity)) {
    this.#clock = clock
    this.deadline = deadline
    this.#then = andThen
  }
  ring(): void {
    this.rang.push(this.#clock.time)
    this.#then(this)
  }
}

function setUp(): { clock: HandClock; wheel: TimerWheel } {
  const clock = new HandClock()
  return { clock, wheel: new TimerWheel(clock, tickMs) }
}

test('each rings soon after its deadline, what is far away in groups, and one timer serves them all', async () => {
  const { clock, wheel } = setUp()
  const start = clock.time
  const entries = [0, 1, 7, 100, 999, 2_047, 2_048, 2_049, 60_000, 300_000].map((ms) => new Entry(clock, start + ms))
  for (const entry of entries) wheel.set(entry)
  const deadlines = entries.map(({ deadline }) => deadline)
  await clock.forward(400_000)
  for (const [index, { rang }] of entries.entries()) {
    assert.equal(rang.length, 1)
    const lateMs = rang[0]! - deadlines[index]!
    assert.ok(lateMs >= 0 && lateMs <= (deadlines[index]! - start < 1_000 ? slotMs : groupMs), `${lateMs} ms late`)
  }
  assert.deepEqual([wheel.size, clock.timer], [0, undefined])
})

test('what is far away rings with its neighbours, and what is near does not wait for them', async () => {
  const { clock, wheel } = setUp()
  const start = clock.time
  const far = [5_026, 5_035, 5_045, 5_055].map((ms) => new Entry(clock, start + ms))
  const near = [501, 510, 520, 530].map((ms) => new Entry(clock, start + ms))
  for (const entry of [...far, ...near]) wheel.set(entry)
  await clock.forward(6_000)
  const times = (entries: readonly Entry[]) => new Set(entries.map(({ rang }) => rang[0]! - start)).size
  assert.deepEqual([times(far), times(near)], [1, 4])
})

test('a deadline that moves on costs no timer, and one that comes nearer is kept', async () => {
  const { clock, wheel } = setUp()
  const entry = new Entry(clock, clock.time + 500)
  wheel.set(entry)
  const { armed } = clock
  for (let ms = 0; ms < 100; ms++) {
    entry.deadline++
    wheel.set(entry)
  }
  assert.equal(clock.armed, armed)
  entry.deadline = clock.time + 10
  wheel.set(entry)
  await clock.forward(20)
  assert.equal(entry.rang.length, 1)
})

test('what is removed does not ring, and nothing is left', async () => {
  const { clock, wheel } = setUp()
  const entry = new Entry(clock, clock.time + 5)
  wheel.set(entry)
  wheel.remove(entry)
  wheel.remove(entry)
  assert.deepEqual([wheel.size, clock.timer], [0, undefined])
  entry.deadline = Infinity
  wheel.set(entry)
  assert.equal(clock.timer, undefined)
})

test('a stalled process rings everybody once, and who rings again waits for his next time', async () => {
  const { clock, wheel } = setUp()
  const entries = Array.from(
    { length: 1_000 },
    (_, index) => new Entry(clock, clock.time + index, (entry) => (entry.deadline = clock.time + 1_000)),
  )
  for (const entry of entries) wheel.set(entry)
  clock.time += 60_000
  await clock.forward(0)
  assert.ok(entries.every(({ rang }) => rang.length === 1))
  await clock.forward(500)
  assert.ok(entries.every(({ rang }) => rang.length === 1))
  await clock.forward(600)
  assert.ok(entries.every(({ rang }) => rang.length === 2))
})

test('one that removes another while ringing is obeyed', async () => {
  const { clock, wheel } = setUp()
  const entries: Entry[] = []
  const end = () => {
    for (const each of entries) {
      each.deadline = Infinity
      wheel.remove(each)
    }
  }
  entries.push(new Entry(clock, clock.time + 4, end), new Entry(clock, clock.time + 4, end))
  for (const each of entries) wheel.set(each)
  await clock.forward(50)
  assert.equal(
    entries.reduce((sum, { rang }) => sum + rang.length, 0),
    1,
  )
  assert.equal(wheel.size, 0)
})

test('however many are due at once, the event loop gets its turns, and all are told the time at which they were due', async () => {
  const { clock, wheel } = setUp()
  const due = clock.time + 4
  let turnsBetween = 0
  const entries = Array.from({ length: 5_000 }, () => new Entry(clock, due))
  for (const entry of entries) wheel.set(entry)
  const forward = clock.forward(20)
  while (wheel.size > 0 || entries.some(({ rang }) => rang.length === 0)) {
    turnsBetween++
    await turn()
  }
  await forward
  assert.ok(turnsBetween >= 50, `${turnsBetween} turns for 5 000 entries`)
  assert.ok(entries.every(({ rang }) => rang.length === 1))
})

test('who is due and set anew before it is looked at waits for its new time', async () => {
  const { clock, wheel } = setUp()
  const late = new Entry(clock, clock.time + 4)
  const first = new Entry(clock, clock.time + 4, (entry) => {
    entry.deadline = Infinity
    late.deadline = clock.time + 500
    wheel.set(late)
  })
  wheel.set(first)
  wheel.set(late)
  await clock.forward(100)
  assert.deepEqual([first.rang.length, late.rang.length], [1, 0])
  await clock.forward(500)
  assert.equal(late.rang.length, 1)
})

test('awake time goes on while anybody waits, stands still in a stall, and begins anew after a time in which nobody waited', async () => {
  const { clock, wheel } = setUp()
  const { awake } = wheel
  const entry = new Entry(clock, clock.time + 30_000)
  wheel.set(entry)
  await clock.forward(10_000)
  assert.deepEqual([awake.read(clock.time), awake.sleeps], [10_000, 0])
  clock.time += 60_000
  await clock.forward(0)
  assert.deepEqual([awake.read(clock.time), awake.sleeps], [12_000, 1])
  wheel.remove(entry)
  assert.equal(clock.timer, undefined)
  await clock.forward(60_000)
  entry.deadline = clock.time + 5_000
  wheel.set(entry)
  await clock.forward(5_100)
  assert.equal(awake.sleeps, 1)
  assert.equal(entry.rang.length, 2)
})

test('an entry is known to be looked at by a time', () => {
  const { clock, wheel } = setUp()
  const entry = new Entry(clock, clock.time + 500)
  assert.ok(!wheel.isSetBy(entry, Infinity))
  wheel.set(entry)
  assert.ok(wheel.isSetBy(entry, clock.time + 510))
  assert.ok(!wheel.isSetBy(entry, clock.time + 490))
})

test('an entry that moves is looked at when it is due then, and not before', async () => {
  const { clock, wheel } = setUp()
  const looks: number[] = []
  const start = clock.time
  let due = 500
  const entry: Timed = {
    get deadline() {
      looks.push(clock.time - start)
      return start + due
    },
    slot: 0,
    before: undefined,
    behind: undefined,
    ring: () => {
      due = Infinity
    },
  }
  wheel.set(entry)
  due = 4_000
  wheel.move(entry)
  looks.length = 0
  await clock.forward(3_990)
  assert.deepEqual(looks, [])
  due = 3_995
  wheel.move(entry)
  await clock.forward(20)
  assert.equal(due, Infinity)
  assert.equal(wheel.size, 0)
  due = 6_000
  wheel.move(entry)
  assert.equal(wheel.size, 1)
  await clock.forward(2_000 + groupMs)
  assert.equal(due, Infinity)
})
