import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Admission } from './admission.ts'

const rate = 1_000
const slotMs = 1_000 / rate
const refusalShare = 0.02

const admission = (given: Partial<ConstructorParameters<typeof Admission>[0]> = {}) =>
  new Admission({ ratePerSecond: rate, maxPending: 1_000_000, maxSpread: 100_000, random: () => 0.5, ...given })

/** Takes all that there is room for. */
const fill = (subject: Admission, now: number, slot?: number) => {
  let taken = 0
  while (subject.admit(now, slot) === 0) taken++
  return taken
}

test('a second’s worth of clients is taken at once, and then one a slot', () => {
  const subject = admission()
  assert.equal(fill(subject, 0), rate)
  assert.equal(fill(subject, 100), 99) // the refusal between the two cost a little
  assert.equal(fill(subject, 10_000), rate)
})

test('who comes while there is room takes nothing from those who wait', () => {
  const subject = admission()
  for (let now = 0; now < 60_000; now += 1.01) assert.equal(subject.admit(now), 0)
  assert.equal(subject.pending(60_000), 0)
})

test('each client that is refused gets a slot of its own, in the order of their coming', () => {
  const subject = admission({ ratePerSecond: 10 })
  for (let taken = 0; taken < 10; taken++) assert.equal(subject.admit(0), 0)
  assert.deepEqual([subject.admit(0), subject.admit(0), subject.admit(0)], [102, 204, 306])
  assert.deepEqual([subject.admit(50), subject.admit(50)], [358, 460])
  assert.equal(subject.pending(50), 5)
  assert.equal(subject.pending(360), 2)
  assert.equal(subject.pending(5_000), 0)
})

test('who returns at its slot, or late, finds room there', () => {
  const subject = admission()
  fill(subject, 0)
  const slots = Array.from({ length: 2_000 }, () => subject.admit(0))
  assert.equal(new Set(slots).size, slots.length)
  const delays = slots.map((slot, index) => slot + 40 + ((index * 7_919) % 200)) // two tenths of a second, in no order
  for (const at of delays.sort((one, other) => one - other)) assert.equal(subject.admit(at), 0)
})

test('what the absent leave goes to newcomers', () => {
  const subject = admission()
  fill(subject, 0)
  const last = Math.max(...Array.from({ length: 500 }, () => subject.admit(0)))
  assert.equal(fill(subject, last) >= 450, true)
})

test('a client that waited is let in before newcomers, but the server never has more than two seconds of work before it', () => {
  const subject = admission()
  fill(subject, 0)
  const slot = subject.admit(0)
  fill(subject, slot)
  assert.notEqual(subject.admit(slot, slot + 1), 0, 'before its slot it is a newcomer')
  assert.equal(subject.admit(slot, slot), 0)
  const more = fill(subject, slot, slot)
  assert.ok(more >= rate - 5 && more < rate, `${more}`)
  assert.notEqual(subject.admit(slot, slot), 0)
})

test('refusals are work, too: slots are told a little apart, and a flood of them costs no more than the two seconds', () => {
  const subject = admission({ maxPending: 10 })
  fill(subject, 0)
  for (let flood = 0; flood < 1_000_000; flood++) subject.admit(0)
  assert.notEqual(subject.admit(1_000), 0)
  assert.equal(subject.admit(1_100), 0)
})

test('beyond the slots that may be given away the wait is longer than all of them, and spread', () => {
  let lot = 0
  const subject = admission({ maxPending: 100, random: () => lot })
  fill(subject, 0)
  const slots = Array.from({ length: 99 }, () => subject.admit(0)) // and that of the refusal with which it was full
  assert.ok(Math.max(...slots) <= 103)
  assert.equal(subject.pending(0), 100)
  assert.equal(subject.admit(0), 102)
  lot = 0.999
  assert.equal(subject.admit(0), 204)
  assert.equal(subject.pending(0), 100)
  assert.ok(subject.admit(5) < 110, 'one has come, and another can be given away')
})

test('less than one client a second is a rate', () => {
  const subject = admission({ ratePerSecond: 0.1 })
  assert.equal(subject.admit(0), 0)
  assert.equal(subject.admit(0), 10_000 + 200)
  assert.equal(subject.admit(10_500), 0)
})

test('spread is the time in which all sessions can be taken, within its bound', () => {
  const subject = admission({ ratePerSecond: 300 })
  assert.equal(subject.spread(0), 0)
  assert.equal(subject.spread(100), 333)
  assert.equal(subject.spread(1_000_000), 100_000)
})

interface Crowd {
  readonly clients: number
  /** Milliseconds over which they first come. */
  readonly within: number
  /** Whether the server knows them again. */
  readonly isKnown: boolean
  readonly maxPending?: number
}

/** Clients that come, are refused, and come again when they were told to, a few hundredths of a second late. */
function run({ clients, within, isKnown, maxPending = 1_000_000 }: Crowd): { doneAt: number; refusals: number; mostTries: number } {
  let lot = 1
  const random = () => {
    lot = (lot * 1_664_525 + 1_013_904_223) % 2 ** 32
    return lot / 2 ** 32
  }
  const subject = admission({ maxPending, random })
  const arrivals: { tries: number; slot: number }[][] = []
  const come = (at: number, tries: number, slot: number) => (arrivals[Math.ceil(at)] ??= []).push({ tries, slot })
  for (let client = 0; client < clients; client++) come(random() * within, 1, Infinity)
  let work = 0
  let refusals = 0
  let mostTries = 0
  for (let now = 0; now < arrivals.length; now++) {
    for (const { tries, slot } of arrivals[now] ?? []) {
      const wait = subject.admit(now, isKnown ? slot : Infinity)
      work = Math.max(work, now) + (wait === 0 ? slotMs : refusalShare * slotMs)
      mostTries = Math.max(mostTries, tries)
      if (wait === 0) continue
      refusals++
      come(now + wait + 20 + 80 * random(), tries + 1, now + wait)
    }
  }
  return { doneAt: work, refusals, mostTries }
}

for (const within of [500, 10_000, 30_000]) {
  for (const isKnown of [false, true]) {
    const kind = isKnown ? 'clients that are known again' : 'clients that nobody knows'
    test(`50 000 ${kind}, coming within ${within} ms, are all taken within 1.05 of the least time`, () => {
      const clients = 50_000
      const { doneAt, refusals, mostTries } = run({ clients, within, isKnown })
      assert.ok(doneAt <= 1.05 * clients * slotMs, `${doneAt} ms`)
      assert.ok(refusals <= 1.5 * clients, `${refusals} refusals`)
      assert.ok(mostTries <= (isKnown ? 3 : 20), `${mostTries} tries`)
    })
  }
}

test('a crowd of ten times what may wait in the queue is taken nevertheless, in little more time', () => {
  const clients = 50_000
  const { doneAt } = run({ clients, within: 10_000, isKnown: false, maxPending: 5_000 })
  assert.ok(doneAt <= 1.2 * clients * slotMs, `${doneAt} ms`)
})

test('whatever comes when, no more are taken in any time than it has slots, and two seconds of work', () => {
  const calls = fc.array(fc.record({ gap: fc.double({ min: 0, max: 500, noNaN: true }), burst: fc.nat(50), isDue: fc.boolean() }))
  fc.assert(
    fc.property(calls, fc.double({ min: 0.5, max: 200, noNaN: true }), (given, ratePerSecond) => {
      const subject = admission({ ratePerSecond })
      const room = 2 * Math.max(1_000, 1_000 / ratePerSecond)
      let now = 0
      let busyUntil = 0
      for (const { gap, burst, isDue } of given) {
        now += gap
        for (let each = 0; each < burst; each++) {
          const wait = subject.admit(now, isDue ? now : undefined)
          assert.ok(wait >= 0 && Number.isSafeInteger(wait))
          if (wait > 0) continue
          busyUntil = Math.max(busyUntil, now) + 1_000 / ratePerSecond
          assert.ok(busyUntil - now <= room + 0.001)
        }
      }
    }),
  )
})
