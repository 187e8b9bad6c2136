import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { AwakeClock } from './awake-clock.ts'
import { Liveness, type LivenessConfig, tickMs, type Verdict } from './liveness.ts'

const epoch = 1_700_000_000_000
const kibibyte = 1024
const config: LivenessConfig = { interval: 30_000, timeout: 10_000, writeTimeout: 10_000 }
const passive: LivenessConfig = { ...config, interval: Infinity }

class Gauge {
  isOpen = true
  bytesRead = 0
  bytesWritten = 0
  backlog = 0
}

/** A link under watch, with the time in hand. */
class Watch {
  readonly gauge: Gauge = new Gauge()
  readonly clock: AwakeClock
  readonly liveness: Liveness
  now: number
  /** What the wall clock is ahead of the monotonic one. */
  ahead = epoch

  constructor(overrides: Partial<LivenessConfig> = {}, now = 0) {
    this.now = now
    const watched = { ...config, ...overrides }
    this.clock = new AwakeClock(tickMs(watched), now, now + epoch)
    this.liveness = new Liveness(watched, this.gauge, now, this.clock)
  }

  /** Ticks at `now`, whenever that is. */
  tickAt(now: number): Verdict {
    this.now = now
    return this.liveness.tick(now, now + this.ahead)
  }

  /** Ticks at the deadlines up to `until`; returns what was said besides 'alive', and when. It stops at a death. */
  run(until: number): [verdict: Verdict, at: number][] {
    const said: [Verdict, number][] = []
    while (this.liveness.deadline <= until) {
      const verdict = this.tickAt(this.liveness.deadline)
      if (verdict !== 'alive') said.push([verdict, this.now])
      if (verdict.endsWith('timeout')) return said
    }
    this.now = until
    return said
  }
}

/** Draws these, and then the middle. */
function drawing(...draws: number[]): () => number {
  return () => draws.shift() ?? 0.5
}

describe('an idle link', () => {
  const configs: [interval: number, timeout: number][] = [
    [30_000, 10_000],
    [30_000, 30_000],
    [25_500, 333],
    [100, 50],
    [3, 1],
    [1_000, 20_000],
  ]
  for (const [interval, timeout] of configs) {
    test(`is asked after ${interval} ms of silence and dead exactly ${timeout} ms later`, () => {
      const watch = new Watch({ interval, timeout })
      assert.deepEqual(watch.run(Infinity), [
        ['ping', interval],
        ['heartbeat-timeout', interval + timeout],
      ])
    })
  }

  test('is never asked while frames come', () => {
    const watch = new Watch()
    for (let second = 0; second < 600; second += 20) {
      assert.deepEqual(watch.run(second * 1_000), [])
      watch.liveness.heard(second * 1_000)
    }
  })

  test('is silent from the frame on, not from the tick that follows it', () => {
    const watch = new Watch()
    watch.run(20_400)
    watch.liveness.heard(20_400)
    assert.equal(watch.liveness.heardAt, 20_400)
    assert.deepEqual(watch.run(60_000), [['ping', 50_400]])
  })

  test('lives by bytes alone: a large message is on its way', () => {
    const watch = new Watch()
    watch.run(20_400)
    watch.gauge.bytesRead += 1
    assert.deepEqual(watch.run(52_000), [['ping', 51_000]])
    watch.gauge.bytesRead += 1
    assert.deepEqual(watch.run(80_000), [])
  })

  test('lives on while each ping is answered, and the answer tells the round trip', () => {
    const watch = new Watch()
    assert.equal(watch.liveness.rtt, null)
    for (let count = 1; count <= 5; count++) {
      assert.deepEqual(watch.run(watch.now + 30_000), [['ping', watch.now]])
      assert.equal(watch.liveness.ping, count)
      watch.liveness.answered(watch.now + 23, count)
      watch.now += 23
      assert.equal(watch.liveness.rtt, 23)
    }
  })

  test('is ticked at least once a second, and four times within its shortest deadline', () => {
    assert.equal(tickMs(config), 1_000)
    assert.equal(tickMs({ ...config, timeout: 100 }), 25)
    assert.equal(tickMs({ ...config, interval: 80 }), 20)
    assert.equal(tickMs({ ...config, writeTimeout: 60 }), 15)
    assert.equal(tickMs(passive), 1_000)
  })

  test('can be watched by ticks that come early', () => {
    const watch = new Watch()
    for (let now = 1; now < 30_000; now += 7) assert.equal(watch.tickAt(now), 'alive')
    assert.deepEqual(watch.run(Infinity), [
      ['ping', 30_000],
      ['heartbeat-timeout', 40_000],
    ])
  })

  test('is dead within two milliseconds of interval and timeout, whatever fractions its times have', () => {
    const times = fc.double({ min: 0.5, max: 40_000, noNaN: true })
    fc.assert(
      fc.property(times, times, times, fc.double({ min: 0, max: 1e9, noNaN: true }), (interval, timeout, writeTimeout, start) => {
        fc.pre(Math.max(interval, timeout) / Math.min(interval, timeout, writeTimeout) < 1_000)
        const watch = new Watch({ interval, timeout, writeTimeout }, start)
        const said = watch.run(Infinity)
        assert.deepEqual(
          said.map(([verdict]) => verdict),
          ['ping', 'heartbeat-timeout'],
        )
        const lateMs = watch.now - start - interval - timeout
        assert.ok(lateMs > -0.01 && lateMs < 2.01, `${lateMs} ms late`)
      }),
    )
  })
})

describe('an answer', () => {
  test('is any frame', () => {
    const watch = new Watch()
    watch.run(39_900)
    watch.liveness.heard(39_900)
    assert.deepEqual(watch.run(69_000), [])
    assert.equal(watch.liveness.rtt, null)
  })

  test('to an earlier ping is a sign of life, but says nothing about the round trip', () => {
    const watch = new Watch()
    watch.run(30_000)
    watch.liveness.answered(30_010, 0)
    assert.equal(watch.liveness.rtt, null)
    assert.deepEqual(watch.run(60_000), [])
  })

  test('that nobody waits for is a frame like any other', () => {
    const watch = new Watch()
    watch.run(10_000)
    watch.liveness.answered(10_000, 1)
    assert.equal(watch.liveness.heardAt, 10_000)
    assert.equal(watch.liveness.rtt, null)
  })

  test('is any byte', () => {
    const watch = new Watch()
    watch.run(39_500)
    watch.gauge.bytesRead += 1
    assert.deepEqual(watch.run(69_000), [])
  })

  test('is not what arrived before the question', () => {
    const watch = new Watch()
    watch.run(20_000)
    watch.gauge.bytesRead += 1
    assert.ok(watch.liveness.probe(20_500))
    assert.deepEqual(watch.run(Infinity), [['heartbeat-timeout', 24_250]])
  })

  test('is a byte after the question, whatever came in the same tick before it', () => {
    const watch = new Watch()
    watch.run(20_000)
    watch.liveness.heard(20_100)
    watch.gauge.bytesRead += 100
    assert.ok(watch.liveness.probe(20_500))
    watch.gauge.bytesRead += 1
    assert.deepEqual(watch.run(49_000), [])
  })

  test('numbers go on from link to link', () => {
    const liveness = new Liveness(config, new Gauge(), 0, new AwakeClock(1_000, 0, epoch), 7)
    assert.equal(liveness.ping, 7)
    assert.ok(liveness.probe(100))
    assert.equal(liveness.ping, 8)
    liveness.answered(150, 8)
    assert.equal(liveness.rtt, 50)
  })

  test('to a ping on which nothing depends is a frame like any other', () => {
    const watch = new Watch()
    assert.equal(watch.liveness.ask(), 1)
    assert.ok(watch.liveness.probe(0))
    assert.equal(watch.liveness.ping, 2)
    assert.equal(watch.liveness.ask(), 3)
    assert.equal(watch.liveness.ping, 3)
    watch.run(500)
    watch.liveness.answered(500, 3)
    assert.equal(watch.liveness.rtt, null)
    assert.equal(watch.liveness.heardAt, 500)
    assert.deepEqual(watch.run(30_000), [])
  })
})

describe('a ping on which nothing depends', () => {
  test('is not waited for', () => {
    const watch = new Watch()
    watch.liveness.ask()
    assert.deepEqual(watch.run(Infinity), [
      ['ping', 30_000],
      ['heartbeat-timeout', 40_000],
    ])
    assert.equal(watch.liveness.ping, 2)
  })
})

describe('a process that slept', () => {
  test('asks once on its late tick and the next ticks judge', () => {
    const watch = new Watch()
    watch.run(5_000)
    assert.equal(watch.tickAt(3_600_000), 'ping')
    assert.deepEqual(watch.run(Infinity), [['heartbeat-timeout', 3_603_750]])
  })

  test('does not judge on its late tick, not even a link that was silent for long', () => {
    const watch = new Watch()
    watch.run(29_000)
    assert.equal(watch.tickAt(3_600_000), 'ping')
    watch.liveness.heard(3_600_001)
    assert.deepEqual(watch.run(3_630_000), [])
  })

  test('asks anew if it was waiting for an answer when it fell asleep', () => {
    const watch = new Watch()
    assert.deepEqual(watch.run(38_000), [['ping', 30_000]])
    assert.equal(watch.tickAt(3_600_000), 'ping')
    assert.equal(watch.liveness.ping, 2)
    watch.liveness.answered(3_600_040, 2)
    assert.equal(watch.liveness.rtt, 40)
  })

  test('judges on its second late tick', () => {
    const watch = new Watch()
    assert.equal(watch.tickAt(3_600_000), 'ping')
    assert.equal(watch.tickAt(3_603_750), 'heartbeat-timeout')
  })

  test('waits for the second late tick until the answer is overdue', () => {
    const watch = new Watch()
    assert.equal(watch.tickAt(3_600_000), 'ping')
    assert.equal(watch.tickAt(3_603_000), 'alive')
    assert.equal(watch.tickAt(3_606_000), 'heartbeat-timeout')
  })

  test('is told by a wall clock that ran ahead', () => {
    const watch = new Watch()
    watch.run(5_000)
    watch.ahead += 3_600_000
    assert.equal(watch.tickAt(6_000), 'ping')
    assert.deepEqual(watch.run(Infinity), [['heartbeat-timeout', 9_750]])
  })

  test('is not one whose wall clock is corrected', () => {
    const watch = new Watch()
    watch.run(5_000)
    watch.ahead += 5_000
    assert.equal(watch.tickAt(6_000), 'alive')
    watch.ahead -= 3_600_000
    assert.equal(watch.tickAt(7_000), 'alive')
  })

  test('does not judge by what its own backlog kept back after it woke', () => {
    const watch = new Watch()
    assert.equal(watch.tickAt(3_600_000), 'ping')
    watch.gauge.backlog = 100
    assert.deepEqual(watch.run(3_606_000), [])
    watch.gauge.backlog = 0
    assert.deepEqual(watch.run(Infinity), [['heartbeat-timeout', 3_610_750]])
  })

  test('takes bytes after its question for an answer, though bytes came with the late tick as well', () => {
    const watch = new Watch()
    watch.gauge.bytesRead += 1
    assert.equal(watch.tickAt(60_000), 'ping')
    watch.gauge.bytesRead += 1
    assert.equal(watch.tickAt(120_000), 'ping') // a new question of a late tick, and no verdict about the old one
    assert.equal(watch.tickAt(180_000), 'heartbeat-timeout')
  })
})

describe('a hidden page whose every tick is a minute late', () => {
  test('notices a dead link with the second one', () => {
    const watch = new Watch()
    assert.equal(watch.tickAt(60_000), 'ping')
    assert.equal(watch.tickAt(120_000), 'heartbeat-timeout')
  })

  test('keeps a link that answers', () => {
    const watch = new Watch()
    for (let minute = 1; minute < 60; minute++) {
      assert.equal(watch.tickAt(minute * 60_000), 'ping')
      watch.liveness.answered(minute * 60_000 + 50, minute)
    }
  })

  test('notices a write that stands still', () => {
    const watch = new Watch()
    watch.gauge.backlog = 10
    const verdicts = [1, 2, 3, 4, 5, 6].map((minute) => watch.tickAt(minute * 60_000))
    assert.deepEqual(verdicts, ['ping', 'alive', 'alive', 'alive', 'alive', 'write-timeout'])
  })
})

describe('our own backlog', () => {
  test('stops the count of an answer that cannot be owed yet', () => {
    const watch = new Watch({ writeTimeout: 60_000 })
    watch.run(35_000)
    watch.gauge.backlog = 100
    watch.run(50_000)
    watch.gauge.backlog = 0
    // five seconds were counted before it, none until the tick that saw it gone
    assert.deepEqual(watch.run(Infinity), [['heartbeat-timeout', 51_000 + 5_000]])
  })

  test('that drains between two late ticks leaves the judgement to the tick after', () => {
    const watch = new Watch({ writeTimeout: 600_000 })
    assert.equal(watch.tickAt(60_000), 'ping')
    watch.gauge.backlog = 100
    assert.equal(watch.tickAt(120_000), 'alive')
    watch.gauge.backlog = 0
    assert.equal(watch.tickAt(180_000), 'alive')
    assert.equal(watch.tickAt(240_000), 'heartbeat-timeout')
  })

  test('gives the peer a second more for each 32 KiB written since it was heard', () => {
    const watch = new Watch()
    watch.run(10_500)
    watch.gauge.bytesWritten += 64 * kibibyte
    watch.run(20_000)
    assert.deepEqual(watch.run(Infinity), [
      ['ping', 30_000],
      ['heartbeat-timeout', 42_000],
    ])
  })

  test('counts as written since what was written right after the last frame', () => {
    const watch = new Watch()
    watch.run(10_000)
    watch.liveness.heard(10_200)
    watch.liveness.sent(10_300)
    watch.gauge.bytesWritten += 320 * kibibyte
    assert.deepEqual(watch.run(Infinity), [
      ['ping', 40_200],
      ['heartbeat-timeout', 60_200],
    ])
  })

  test('of which the peer was heard is forgotten', () => {
    const watch = new Watch()
    watch.gauge.bytesWritten += 320 * kibibyte
    watch.run(10_000)
    watch.liveness.heard(10_000)
    assert.deepEqual(watch.run(Infinity), [
      ['ping', 40_000],
      ['heartbeat-timeout', 50_000],
    ])
  })
})

describe('a write', () => {
  test('without progress is given writeTimeout from the tick that saw it', () => {
    const watch = new Watch({ interval: 60_000 })
    watch.run(4_200)
    watch.gauge.backlog = 10
    assert.deepEqual(watch.run(Infinity), [['write-timeout', 15_000]])
  })

  test('that makes any progress starts anew', () => {
    const watch = new Watch({ interval: 60_000 })
    watch.gauge.backlog = 1_000
    for (let second = 9; second <= 45; second += 9) {
      assert.deepEqual(watch.run(second * 1_000), [])
      watch.gauge.bytesWritten += 1
      watch.gauge.backlog -= 1
    }
    assert.deepEqual(watch.run(Infinity), [['write-timeout', 56_000]])
  })

  test('is not judged on the first late tick', () => {
    const watch = new Watch({ interval: 60_000 })
    watch.gauge.backlog = 10
    watch.run(10_000)
    assert.equal(watch.tickAt(3_600_000), 'ping')
    assert.deepEqual(watch.run(Infinity), [['write-timeout', 3_601_000]])
  })

  test('that got through while the process slept is forgotten', () => {
    const watch = new Watch({ interval: 60_000 })
    watch.gauge.backlog = 10
    watch.run(10_000)
    watch.gauge.backlog = 0
    watch.gauge.bytesWritten = 10
    assert.equal(watch.tickAt(3_600_000), 'ping')
    assert.deepEqual(watch.run(3_603_000), [])
  })
})

describe('a probe', () => {
  test('asks now and judges after exactly 3.75 s, wherever in a tick it begins', () => {
    const watch = new Watch()
    watch.run(7_900)
    assert.ok(watch.liveness.probe(7_900))
    assert.deepEqual(watch.run(Infinity), [['heartbeat-timeout', 11_650]])
  })

  test('waits no longer than the timeout', () => {
    const watch = new Watch({ timeout: 300 })
    watch.run(1_000)
    assert.ok(watch.liveness.probe(1_000))
    assert.deepEqual(watch.run(Infinity), [['heartbeat-timeout', 1_300]])
  })

  test('gives a slow peer four of its round trips', () => {
    const watch = new Watch()
    watch.run(30_000)
    watch.run(31_500)
    watch.liveness.answered(31_500, 1)
    assert.ok(watch.liveness.probe(31_500))
    assert.deepEqual(watch.run(Infinity), [['heartbeat-timeout', 37_500]])
  })

  test('shortens a wait that has longer to go', () => {
    const watch = new Watch()
    watch.run(31_000)
    assert.ok(watch.liveness.probe(31_000))
    assert.deepEqual(watch.run(Infinity), [['heartbeat-timeout', 34_750]])
  })

  test('does not ask again while an answer is due as soon', () => {
    const watch = new Watch()
    watch.run(37_000)
    assert.ok(!watch.liveness.probe(37_000))
    assert.deepEqual(watch.run(Infinity), [['heartbeat-timeout', 40_000]])
  })

  test('cannot be put off by asking again and again, nor by writing in between', () => {
    const watch = new Watch()
    assert.ok(watch.liveness.probe(100))
    for (let now = 200; now <= 3_000; now += 100) {
      watch.gauge.bytesWritten += 20
      watch.run(now)
      assert.ok(!watch.liveness.probe(now))
    }
    const [[verdict, at]] = watch.run(Infinity) as [[Verdict, number]]
    assert.equal(verdict, 'heartbeat-timeout')
    assert.ok(at < 4_200, `dead at ${at}`)
  })

  test('follows from a send after more than thirty seconds of silence', () => {
    const watch = new Watch({ interval: 120_000 })
    watch.run(30_000)
    assert.ok(!watch.liveness.sent(30_000))
    assert.ok(watch.liveness.sent(30_001))
    assert.ok(!watch.liveness.sent(30_002))
    watch.liveness.heard(30_050)
    assert.ok(!watch.liveness.sent(30_060))
  })
})

describe('a reader that pauses', () => {
  test('judges nobody, and pings so that the peer hears it', () => {
    const watch = new Watch()
    watch.run(20_000)
    watch.liveness.pause()
    assert.deepEqual(watch.run(120_000), [
      ['ping', 50_000],
      ['ping', 80_000],
      ['ping', 110_000],
    ])
  })

  test('pings on though frames that were under way still come', () => {
    const watch = new Watch()
    watch.liveness.pause()
    watch.run(15_000)
    watch.liveness.heard(15_000)
    assert.deepEqual(watch.run(31_000), [['ping', 30_000]])
  })

  test('waits for no answer any more', () => {
    const watch = new Watch()
    watch.run(35_000)
    watch.liveness.pause()
    assert.deepEqual(watch.run(64_000), [])
    assert.ok(!watch.liveness.probe(64_000))
    assert.ok(!watch.liveness.sent(64_000))
  })

  test('begins to listen anew when it resumes', () => {
    const watch = new Watch()
    watch.liveness.pause()
    watch.run(45_300)
    watch.liveness.resume(45_300)
    assert.equal(watch.liveness.heardAt, 45_300)
    assert.deepEqual(watch.run(Infinity), [
      ['ping', 75_300],
      ['heartbeat-timeout', 85_300],
    ])
  })

  test('still bounds its writes', () => {
    const watch = new Watch()
    watch.liveness.pause()
    watch.gauge.backlog = 10
    assert.deepEqual(watch.run(Infinity), [['write-timeout', 11_000]])
  })
})

describe('a first interval', () => {
  test('asks sooner the first time, and never again', () => {
    const watch = new Watch({ random: drawing(7_000 / 30_000) })
    assert.deepEqual(watch.run(7_000), [['ping', 7_000]])
    watch.liveness.heard(7_050)
    assert.deepEqual(watch.run(Infinity), [
      ['ping', 37_050],
      ['heartbeat-timeout', 47_050],
    ])
  })

  test('gives its answer until interval and timeout of silence have passed', () => {
    for (const firstInterval of [1_000, 7_000, 29_000, 30_000]) {
      const watch = new Watch({ random: drawing(firstInterval / 30_000) })
      assert.deepEqual(watch.run(Infinity), [
        ['ping', firstInterval],
        ['heartbeat-timeout', 40_000],
      ])
    }
  })

  test('and the others are drawn anew, a tenth to both sides', () => {
    const watch = new Watch({ random: drawing(0.1, 0, 1) })
    const heard = (at: number): void => {
      watch.now = at
      watch.liveness.heard(at)
    }
    assert.deepEqual(watch.run(3_000), [['ping', 3_000]])
    heard(3_000)
    assert.deepEqual(watch.run(30_000), [['ping', 30_000]])
    heard(30_000)
    assert.deepEqual(watch.run(Infinity), [
      ['ping', 63_000],
      ['heartbeat-timeout', 73_000],
    ])
  })

  test('of any length leaves half of the rest for the answer', () => {
    assert.deepEqual(new Watch({ timeout: 500, dead: 31_000, random: drawing(1, 1) }).run(Infinity), [
      ['ping', 30_000],
      ['heartbeat-timeout', 31_000],
    ])
    const watch = new Watch({ timeout: 500, dead: 31_000, random: drawing(0, 1) })
    watch.run(1_000)
    watch.liveness.heard(1_000)
    assert.deepEqual(watch.run(Infinity), [
      ['ping', 31_500],
      ['heartbeat-timeout', 32_000],
    ])
  })

  test('does not make a link wait for as long when somebody asks for a probe', () => {
    const watch = new Watch({ random: drawing(7_000 / 30_000) })
    watch.run(9_000)
    assert.ok(watch.liveness.probe(9_000))
    assert.deepEqual(watch.run(Infinity), [['heartbeat-timeout', 12_750]])
  })

  test('is not that of a reader that pauses', () => {
    const watch = new Watch({ random: drawing(0) })
    watch.liveness.pause()
    assert.deepEqual(watch.run(31_000), [['ping', 30_000]])
  })

  test('of nothing asks with the first tick', () => {
    const watch = new Watch({ random: drawing(0) })
    assert.deepEqual(watch.run(1_500), [['ping', 1_000]])
  })

  test('is one of silence, whatever came before', () => {
    const watch = new Watch({ random: drawing(7_000 / 30_000) })
    watch.run(5_000)
    watch.liveness.heard(5_000)
    assert.deepEqual(watch.run(12_500), [['ping', 12_000]])
  })

  test('is over when somebody asked for a probe', () => {
    const watch = new Watch({ random: drawing(7_000 / 30_000) })
    watch.run(2_000)
    assert.ok(watch.liveness.probe(2_000))
    watch.liveness.heard(2_050)
    assert.deepEqual(watch.run(32_500), [['ping', 32_050]])
  })
})

describe('a link that cannot be pinged', () => {
  test('is watched for nothing while nothing is written', () => {
    const watch = new Watch(passive)
    assert.equal(watch.liveness.deadline, Infinity)
    assert.equal(watch.tickAt(3_600_000), 'alive')
    assert.ok(!watch.liveness.probe(3_600_000))
    assert.equal(watch.liveness.deadline, Infinity)
  })

  test('is watched from a send on until all is written', () => {
    const watch = new Watch(passive)
    assert.ok(!watch.liveness.sent(3_600_000))
    watch.gauge.backlog = 10
    assert.equal(watch.liveness.deadline, 3_601_000)
    assert.deepEqual(watch.run(3_604_000), [])
    watch.gauge.backlog = 0
    assert.deepEqual(watch.run(3_605_000), [])
    assert.equal(watch.liveness.deadline, Infinity)
  })

  test('still dies of a write without progress', () => {
    const watch = new Watch(passive)
    watch.liveness.sent(5_000)
    watch.gauge.backlog = 10
    assert.deepEqual(watch.run(Infinity), [['write-timeout', 16_000]])
  })

  test('is not asked by a late tick', () => {
    const watch = new Watch(passive)
    watch.liveness.sent(5_000)
    watch.gauge.backlog = 10
    assert.equal(watch.tickAt(3_600_000), 'alive')
  })
})

/** Links of one process, which share its clock: each is ticked at its own deadlines only. */
class Crowd {
  readonly clock: AwakeClock = new AwakeClock(1_000, 0, epoch, true)
  readonly gauges: Gauge[] = []
  readonly links: Liveness[]
  ticks = 0
  #now = 0

  constructor(count: number, overrides: Partial<LivenessConfig> = {}) {
    this.links = Array.from({ length: count }, () => {
      const gauge = new Gauge()
      this.gauges.push(gauge)
      return new Liveness({ ...config, ...overrides }, gauge, 0, this.clock)
    })
  }

  /** Until then, or until one dies, nothing stalls. */
  run(until: number): [verdict: Verdict, at: number][] {
    const said: [Verdict, number][] = []
    for (let at = this.#next; at <= until; at = this.#next) {
      said.push(...this.turnAt(at))
      if (said.at(-1)?.[0].endsWith('timeout')) return said
    }
    this.clock.advance(until, until + epoch)
    this.#now = until
    return said
  }

  /** Nothing ran between the last turn and this one. */
  turnAt(at: number): [verdict: Verdict, at: number][] {
    this.#now = at
    this.clock.advance(at, at + epoch)
    const due = this.links.filter((link) => link.deadline <= at)
    this.ticks += due.length
    return due.map((link): [Verdict, number] => [link.tick(at), at]).filter(([verdict]) => verdict !== 'alive')
  }

  get #next(): number {
    return Math.max(this.#now, Math.min(this.clock.nextTick, ...this.links.map((link) => link.deadline)))
  }
}

describe('a link among many', () => {
  test('is looked at when its ping is due, and when its answer is', () => {
    const crowd = new Crowd(1)
    assert.deepEqual(crowd.run(39_999), [['ping', 30_000]])
    assert.equal(crowd.ticks, 1)
    assert.deepEqual(crowd.turnAt(40_000), [['heartbeat-timeout', 40_000]])
  })

  test('that answers is looked at once a period, to be asked again', () => {
    const crowd = new Crowd(1)
    const [link] = crowd.links as [Liveness]
    for (let count = 1; count <= 5; count++) {
      const at = count * 30_000 + (count - 1) * 40
      assert.deepEqual(crowd.run(at), [['ping', at]])
      link.answered(at + 40, count)
      assert.equal(link.deadline, at + 30_040)
      assert.equal(crowd.ticks, count)
    }
  })

  test('is looked at once a period while frames come, and never asked', () => {
    const crowd = new Crowd(1)
    for (let at = 0; at <= 300_000; at += 500) {
      assert.deepEqual(crowd.run(at), [])
      crowd.links[0]!.heard(at)
    }
    assert.ok(crowd.ticks <= 10, `${crowd.ticks} ticks`)
  })

  test('is never asked while bytes come of which only the transport tells', () => {
    const crowd = new Crowd(1)
    for (let at = 0; at <= 300_000; at += 500) {
      assert.deepEqual(crowd.run(at), [])
      crowd.gauges[0]!.bytesRead += 1
    }
    assert.ok(crowd.ticks <= 10, `${crowd.ticks} ticks`)
  })

  test('that is looked at late after its answer is not asked if bytes came since', () => {
    const crowd = new Crowd(1)
    const [link] = crowd.links as [Liveness]
    assert.deepEqual(crowd.run(30_000), [['ping', 30_000]])
    crowd.gauges[0]!.bytesRead += 2
    link.answered(30_010, 1)
    crowd.gauges[0]!.bytesRead += 1
    for (let at = 30_500; at <= 60_500; at += 500) crowd.clock.advance(at, at + epoch)
    assert.equal(link.tick(60_500), 'alive')
  })

  test('is looked at each second while a write has not left, and once after one that has', () => {
    const crowd = new Crowd(1)
    crowd.run(2_000)
    const [link] = crowd.links as [Liveness]
    assert.equal(link.isWriting, false)
    link.wrote(2_000)
    assert.equal(link.isWriting, true)
    assert.deepEqual(crowd.run(5_000), [])
    assert.deepEqual([crowd.ticks, link.isWriting], [1, false])
    link.wrote(5_000)
    crowd.gauges[0]!.backlog = 10
    assert.deepEqual(crowd.run(16_000), [['write-timeout', 16_000]])
    assert.equal(crowd.ticks, 12)
  })

  test('is not asked because the process slept, but when it is its turn', () => {
    const crowd = new Crowd(1)
    crowd.run(5_000)
    assert.deepEqual(crowd.turnAt(3_600_000), [])
    const [[verdict, at]] = crowd.run(3_630_000) as [[Verdict, number]]
    assert.deepEqual([verdict, at], ['ping', 3_623_000]) // 5 s before, and the two ticks as which a gap counts
  })

  test('that was asked before the process slept is given the time of a probe, once', () => {
    const crowd = new Crowd(1)
    assert.deepEqual(crowd.run(31_000), [['ping', 30_000]])
    assert.deepEqual(crowd.turnAt(100_000), [])
    assert.deepEqual(crowd.turnAt(103_700), [])
    assert.deepEqual(crowd.turnAt(110_000), [['heartbeat-timeout', 110_000]])
  })

  test('keeps the time that it had left, if that is more', () => {
    const crowd = new Crowd(1, { timeout: 20_000 })
    assert.deepEqual(crowd.run(31_000), [['ping', 30_000]])
    assert.deepEqual(crowd.turnAt(41_000), []) // ten seconds that count as two
    assert.deepEqual(crowd.run(100_000), [['heartbeat-timeout', 58_000]])
  })

  test('lives through any stalls of the process in which its answers come', () => {
    const stalls = fc.array(fc.integer({ min: 1, max: 60_000 }), { minLength: 1, maxLength: 50 })
    fc.assert(
      fc.property(stalls, fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 60, maxLength: 60 }), (gaps, draws) => {
        const crowd = new Crowd(5, { random: drawing(...draws) })
        let now = 0
        for (const gap of gaps) {
          now += gap
          // What was asked before the gap was answered in it, and is read before anybody is judged.
          for (const link of crowd.links) link.heard(now)
          for (const [verdict] of crowd.turnAt(now)) assert.equal(verdict, 'ping')
        }
      }),
    )
  })

  test('with nothing to wait for has no deadline, and none but its write', () => {
    const crowd = new Crowd(1, { interval: Infinity })
    const [link] = crowd.links as [Liveness]
    assert.equal(link.deadline, Infinity)
    link.wrote(7)
    assert.equal(link.deadline, 1_007)
    assert.equal(crowd.clock.at, 0)
  })
})
