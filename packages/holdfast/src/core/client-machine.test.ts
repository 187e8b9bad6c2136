import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type ClientConfig, ClientMachine } from './client-machine.ts'
import type { Output } from './client-output.ts'
import { abnormalClose, type CloseInfo } from './close-info.ts'
import type { OutboxEntry } from './outbox.ts'

const epoch = 1_700_000_000_000
const retry = { minDelay: 1_000, maxDelay: 30_000, factor: 2, jitter: 'none', maxRetries: 10, stableAfter: 30_000 } as const
const config: ClientConfig = {
  isReconnecting: true,
  retry,
  liveness: { interval: 30_000, timeout: 10_000, writeTimeout: 10_000 },
  connectTimeout: 10_000,
  closeTimeout: 10_000,
  outbox: { maxBytes: 1_000, maxMessages: 10 },
  hasSetup: false,
  canRefresh: false,
  random: () => 0.5,
}

class Gauge {
  isOpen = true
  bytesRead = 0
  bytesWritten = 0
  backlog = 0
}

const network = abnormalClose('network')
const restart: CloseInfo = { code: 1012, reason: '', wasClean: true, cause: 'server' }
const goodbye: CloseInfo = { code: 1000, reason: 'done', wasClean: true, cause: 'server' }
const busy = (retryAfter: number): CloseInfo => ({ ...abnormalClose('server'), httpStatus: 503, retryAfter })
const unauthorized: CloseInfo = { ...abnormalClose('auth'), httpStatus: 401 }
const error = new Error('as the platform says')

/** A machine whose world is played by the test. What it puts out is told in short words, without the changes of state. */
class Subject {
  readonly machine: ClientMachine
  readonly outputs: Output[] = []
  gauge = new Gauge()
  now = 0
  ahead = epoch

  constructor(overrides: Partial<ClientConfig> = {}) {
    this.machine = new ClientMachine({ ...config, ...overrides })
  }

  get state(): string {
    return this.machine.state.name
  }
  get attempt(): number | undefined {
    return 'attempt' in this.machine.state ? this.machine.state.attempt : undefined
  }
  get wall(): number {
    return this.now + this.ahead
  }
  /** The number of the link or dial in hand. */
  get link(): number {
    return 'link' in this.machine.state ? this.machine.state.link : 0
  }

  /** What was put out since. */
  said(): string[] {
    const said: string[] = []
    for (let output = this.machine.poll(); output; output = this.machine.poll()) {
      this.outputs.push(output)
      if (output.kind !== 'change') said.push(inWords(output))
    }
    return said
  }
  /** The last output of a kind. */
  last<K extends Output['kind']>(kind: K): Output & { kind: K } {
    const found = this.outputs.filter((output) => output.kind === kind).at(-1)
    assert.ok(found, `no ${kind}`)
    return found as Output & { kind: K }
  }

  start(): string[] {
    this.machine.start(this.now, this.wall)
    return this.said()
  }
  opens(afterMs = 50, canPing = true): string[] {
    this.now += afterMs
    this.gauge = new Gauge()
    this.machine.opened(this.now, this.wall, this.link, this.gauge, canPing)
    return this.said()
  }
  fails(close: CloseInfo = network): string[] {
    this.machine.linkClosed(this.now, this.link, close, error)
    return this.said()
  }
  /** Ticks at the deadlines up to `until`. */
  run(until: number): string[] {
    const said: string[] = []
    while (this.machine.deadline <= until) {
      this.now = this.machine.deadline
      said.push(...this.tick())
    }
    this.now = until
    return said
  }
  wait(ms: number): string[] {
    return this.run(this.now + ms)
  }
  /** Ticks now, whenever that is. */
  tick(): string[] {
    this.machine.tick(this.now, this.wall)
    return this.said()
  }
  hint(hint: 'online' | 'wake' | 'offline' | 'hide'): string[] {
    this.machine[hint](this.now, this.wall)
    return this.said()
  }
  reconnect(): string[] {
    this.machine.reconnect(this.now, this.wall)
    return this.said()
  }
  close(code?: number, reason = ''): string[] {
    this.machine.close(this.now, this.wall, code, reason)
    return this.said()
  }
  abort(): string[] {
    this.machine.abort(this.now)
    return this.said()
  }
  send(...messages: string[]): OutboxEntry[] {
    const entries = messages.map((data) => ({ data, bytes: data.length, settle: undefined }))
    for (const entry of entries) this.machine.send(entry)
    return entries
  }
}

function inWords(output: Output): string {
  switch (output.kind) {
    case 'dial':
      return `dial ${output.link}${output.attempt > 0 ? `, retry ${output.attempt}` : ''}`
    case 'transmit':
      return `transmit ${output.entry.data}`
    case 'ping':
      return `ping ${output.ping}`
    case 'close':
      return `say goodbye ${output.code} ${output.reason}`.trim()
    case 'drop':
      return `${output.isPolite ? 'drop politely' : 'drop'} ${output.link}`
    case 'setup':
      return output.isFirst ? 'first setup' : 'setup'
    case 'change':
      return `${output.from} to ${output.to}`
    case 'open':
      return 'open'
    case 'failed':
      return `failed: ${output.close.cause}`
    case 'end':
      return `${output.error ? 'error, end' : 'end'} ${output.close.code} ${output.close.cause}${output.willReconnect ? ', goes on' : ''}`
    case 'retry':
      return `retry ${output.attempt} in ${output.delay}`
    case 'giveup':
      return 'giveup'
    case 'write':
      return `write ${output.frame}`
    case 'lost':
      return `lost ${output.close.cause}`
    case 'resumed':
      return `resumed after ${output.downtime}, replayed ${output.replayed}, resent ${output.resent}`
  }
}

/** Machines in each state from which something can be done to them, and how much of their life a close ends. */
const situations: { readonly [name: string]: (overrides?: Partial<ClientConfig>) => Subject } = {
  idle: (overrides) => new Subject(overrides),
  connecting: (overrides) => {
    const subject = situations.idle!(overrides)
    subject.start()
    return subject
  },
  settling: (overrides) => {
    const subject = situations.connecting!({ ...overrides, hasSetup: true })
    subject.opens()
    return subject
  },
  open: (overrides) => {
    const subject = situations.connecting!(overrides)
    subject.opens()
    return subject
  },
  waiting: (overrides) => {
    const subject = situations.connecting!(overrides)
    subject.fails()
    return subject
  },
  suspended: (overrides) => {
    const subject = situations.connecting!({ ...overrides, retry: { ...retry, maxRetries: 0 } })
    subject.fails()
    return subject
  },
}

describe('a dial', () => {
  test('is made by start, once', () => {
    const subject = new Subject()
    assert.equal(subject.machine.deadline, Infinity)
    assert.deepEqual(subject.start(), ['dial 1'])
    assert.deepEqual(subject.start(), [])
    assert.equal(subject.state, 'connecting')
  })

  test('that succeeds opens a session', () => {
    const subject = situations.connecting!()
    assert.deepEqual(subject.opens(), ['open'])
    assert.equal(subject.state, 'open')
    assert.deepEqual(subject.machine.counters, { dials: 1, sessions: 1, links: 1, giveups: 0, pings: 0, failures: {} })
    assert.deepEqual(
      subject.outputs.filter((output) => output.kind === 'change').map((output) => inWords(output)),
      ['idle to connecting', 'connecting to open'],
    )
  })

  test('was heard when it was, after it is lost as well', () => {
    const subject = situations.connecting!()
    assert.equal(subject.machine.heardAt, undefined)
    const open = situations.open!()
    const { heardAt } = open.machine
    assert.equal(typeof heardAt, 'number')
    open.fails()
    assert.equal(open.machine.heardAt, heardAt)
  })

  test('that fails is told, counted and retried', () => {
    const subject = situations.connecting!()
    assert.deepEqual(subject.fails(), ['failed: network', 'retry 1 in 1000'])
    assert.equal(subject.machine.lastClose, network)
    assert.equal(subject.last('failed').error, error)
    assert.deepEqual(subject.machine.counters.failures, { network: 1 })
    assert.deepEqual(subject.wait(999), [])
    assert.deepEqual(subject.wait(1), ['dial 2, retry 1'])
  })

  test('that fails ends a strict socket', () => {
    const subject = situations.connecting!({ isReconnecting: false })
    assert.deepEqual(subject.fails(), ['error, end 1006 network'])
    assert.equal(subject.state, 'closed')
    assert.equal(subject.machine.deadline, Infinity)
  })

  test('is dropped when its time is up', () => {
    const subject = situations.connecting!()
    assert.deepEqual(subject.run(9_999), [])
    assert.deepEqual(subject.run(10_000), ['drop 1', 'failed: connect-timeout', 'retry 1 in 1000'])
    assert.match(subject.last('failed').error.message, /no connection within 10000 ms/)
  })

  test('is given twice the time after one that ran out of it, and little after one that succeeded', () => {
    const subject = new Subject({ retry: { ...retry, minDelay: 1, maxDelay: 1 } })
    const timeouts: number[] = []
    const timeOut = () => {
      const since = subject.now
      while (subject.state === 'connecting') subject.run(subject.machine.deadline)
      timeouts.push(subject.now - since)
      subject.wait(1)
    }
    subject.start()
    for (let count = 0; count < 4; count++) timeOut()
    subject.opens(300)
    subject.fails()
    subject.wait(1)
    for (let count = 0; count < 3; count++) timeOut()
    assert.deepEqual(timeouts, [10_000, 20_000, 30_000, 30_000, 2_400, 4_800, 9_600])
  })

  test('has until after the next tick when the process slept meanwhile', () => {
    const subject = situations.connecting!()
    subject.wait(9_500)
    subject.now = 3_600_000
    assert.deepEqual(subject.tick(), [])
    assert.deepEqual(subject.opens(0), ['open'])
  })

  test('that was given up says nothing any more', () => {
    const subject = situations.connecting!()
    subject.run(11_000)
    assert.equal(subject.link, 2)
    subject.machine.opened(subject.now, subject.wall, 1, subject.gauge, true)
    subject.machine.linkClosed(subject.now, 1, network, error)
    assert.deepEqual(subject.said(), [])
    assert.equal(subject.state, 'connecting')
  })
})

describe('retries', () => {
  test('wait 1, 2, 4, 8, 16, 30 … seconds, are ten, and then it is handed over', () => {
    const subject = situations.connecting!()
    const delays: number[] = []
    while (subject.state !== 'suspended') {
      subject.fails()
      if (subject.state !== 'waiting') break
      delays.push(subject.last('retry').delay)
      subject.run(subject.machine.deadline)
    }
    assert.deepEqual(delays, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, 30_000, 30_000])
    assert.equal(subject.machine.counters.dials, 11)
    assert.equal(subject.machine.counters.giveups, 1)
    assert.equal(subject.machine.deadline, Infinity)
    assert.deepEqual(subject.last('giveup').close, { ...network, cause: 'retries-exhausted' })
    assert.equal(subject.outputs.at(-1)?.kind, 'giveup')
  })

  test('are announced with the wait that was asked for, whatever fractions the clock has', () => {
    for (const now of [0.1, 1_234.567, 98_765_432.1]) {
      const subject = new Subject()
      subject.now = now
      subject.start()
      assert.deepEqual(subject.fails(busy(1_000)), ['failed: server', 'retry 1 in 1000'])
    }
  })

  test('none are made with maxRetries 0: a lost session ends and it is handed over', () => {
    const subject = situations.open!({ retry: { ...retry, maxRetries: 0 } })
    assert.deepEqual(subject.fails(), ['drop 1', 'error, end 1006 network, goes on', 'giveup'])
  })

  test('are drawn by lot', () => {
    const lots = [0.25, 0.5]
    const subject = situations.connecting!({ retry: { ...retry, jitter: 'equal' }, random: () => lots.shift()! })
    assert.deepEqual(subject.fails(), ['failed: network', 'retry 1 in 250'])
    subject.wait(250)
    assert.deepEqual(subject.fails(), ['failed: network', 'retry 2 in 1500'])
  })

  test('count on when a server greets and then closes', () => {
    const subject = new Subject()
    subject.start()
    for (let attempt = 1; attempt <= 10; attempt++) {
      subject.opens()
      subject.fails(restart)
      assert.equal(subject.attempt, attempt)
      subject.run(subject.machine.deadline)
    }
    subject.opens()
    assert.deepEqual(subject.fails(restart), ['drop 11', 'end 1012 server, goes on', 'giveup'])
  })

  test('count anew once a link has lasted stableAfter, and not a moment before', () => {
    for (const [uptime, attempt] of [
      [29_999, 2],
      [30_000, 1],
    ] as const) {
      const subject = situations.waiting!()
      subject.wait(1_000)
      subject.opens()
      subject.machine.heard(subject.now, subject.link)
      subject.wait(uptime)
      subject.fails()
      assert.equal(subject.attempt, attempt)
    }
  })

  test('show as none as soon as the link is stable', () => {
    const subject = situations.waiting!({ liveness: { interval: Infinity, timeout: 10_000, writeTimeout: 10_000 } })
    subject.wait(1_000)
    subject.opens(7)
    assert.equal(subject.machine.deadline, subject.now + 30_000)
    subject.wait(29_999)
    assert.equal(subject.attempt, 1)
    subject.wait(1)
    assert.equal(subject.attempt, 0)
    assert.equal(subject.machine.deadline, Infinity)
  })

  test('never count anew when stableAfter is Infinity', () => {
    const subject = situations.waiting!({ retry: { ...retry, stableAfter: Infinity } })
    subject.wait(1_000)
    subject.opens(0, false)
    assert.equal(subject.machine.deadline, Infinity)
    subject.now += 1e9
    subject.fails()
    assert.equal(subject.attempt, 2)
  })
})

describe('a failure', () => {
  test('with a final code is the end', () => {
    const subject = situations.open!()
    assert.deepEqual(subject.fails(goodbye), ['drop 1', 'end 1000 server'])
    assert.deepEqual(subject.last('end').close, goodbye)
  })

  test('with a final code or status of the first dial is the end as well', () => {
    const subject = situations.connecting!()
    assert.deepEqual(subject.fails({ ...abnormalClose('server'), httpStatus: 404 }), ['error, end 1006 server'])
  })

  test('that the application will not have retried is the end', () => {
    const subject = situations.open!({ shouldRetry: () => false })
    assert.deepEqual(subject.fails(restart), ['drop 1', 'end 1012 server'])
  })

  test('that the application wants retried is not, and its wish knows the count', () => {
    const asked: number[] = []
    const subject = situations.open!({
      shouldRetry: (_close, attempt) => {
        asked.push(attempt)
        return true
      },
    })
    assert.deepEqual(subject.fails(goodbye), ['drop 1', 'end 1000 server, goes on', 'retry 1 in 1000'])
    subject.wait(1_000)
    subject.fails()
    assert.deepEqual(asked, [0, 1])
  })

  test('by refusal gets one more try where a provider may bring a fresh credential', () => {
    const subject = situations.connecting!({ canRefresh: true })
    assert.deepEqual(subject.fails(unauthorized), ['failed: auth', 'retry 1 in 1000'])
    assert.equal(subject.machine.lastClose, unauthorized)
    subject.wait(1_000)
    assert.deepEqual(subject.fails(unauthorized), ['error, end 1006 auth'])
  })

  test('by refusal of a link that was stable is the first in a row', () => {
    const expired: CloseInfo = { code: 4401, reason: 'expired', wasClean: true, cause: 'auth' }
    const subject = situations.connecting!({ canRefresh: true, retry: { ...retry, stableAfter: 5_000 } })
    subject.fails(unauthorized)
    subject.wait(1_000)
    subject.opens()
    subject.wait(5_000)
    assert.deepEqual(subject.fails(expired), ['drop 2', 'end 4401 auth, goes on', 'retry 1 in 1000'])
    subject.wait(1_000)
    subject.opens()
    subject.wait(4_999)
    assert.deepEqual(subject.fails(expired), ['drop 3', 'end 4401 auth'])
  })

  test('that asks for time is given it', () => {
    const subject = situations.connecting!()
    assert.deepEqual(subject.fails(busy(120_000)), ['failed: server', 'retry 1 in 120000'])
    subject.wait(120_000)
    assert.deepEqual(subject.fails(busy(500)), ['failed: server', 'retry 2 in 2000'])
  })

  test('of the platform to do what was asked for is the end', () => {
    const subject = situations.connecting!()
    assert.deepEqual(subject.fails(abnormalClose('unsupported')), ['error, end 1006 unsupported'])
  })

  test('of a link that is not in hand changes nothing, in any state', () => {
    for (const [name, situation] of Object.entries(situations)) {
      const subject = situation()
      subject.machine.linkClosed(subject.now, 99, network, error)
      subject.machine.opened(subject.now, subject.wall, 99, subject.gauge, true)
      subject.machine.setupFailed(subject.now, 99, error)
      subject.machine.settled(99)
      subject.machine.answered(subject.now, 99, 1)
      assert.equal(subject.machine.heard(subject.now, 99), false)
      assert.deepEqual(subject.said(), [])
      assert.equal(subject.state, name)
    }
  })
})

describe('an open link', () => {
  test('is asked in silence and lost without an answer', () => {
    const subject = situations.open!()
    assert.deepEqual(subject.run(40_049), ['ping 1'])
    assert.deepEqual(subject.run(40_050), ['drop 1', 'error, end 1006 heartbeat-timeout, goes on', 'retry 1 in 1000'])
    assert.equal(subject.last('end').error?.message, 'nothing was heard for 40000 ms, not even an answer to a ping')
    assert.equal(subject.machine.counters.pings, 1)
  })

  test('ends a strict socket when it is lost', () => {
    const subject = situations.open!({ isReconnecting: false })
    assert.deepEqual(subject.wait(40_000), ['ping 1', 'drop 1', 'error, end 1006 heartbeat-timeout'])
  })

  test('is kept by an answer, which tells the round trip', () => {
    const subject = situations.open!()
    subject.wait(30_000)
    subject.now += 30
    subject.machine.answered(subject.now, 1, 1)
    const { state } = subject.machine
    assert.ok(state.name === 'open')
    assert.equal(state.liveness.rtt, 30)
    assert.deepEqual(subject.wait(29_000), [])
  })

  test('numbers its pings on from those of the links before, so that an answer told by their count is its own', () => {
    const subject = situations.open!()
    subject.wait(40_000)
    subject.wait(1_000)
    subject.opens()
    assert.deepEqual(subject.wait(30_000), ['ping 2'])
    assert.equal(subject.machine.counters.pings, 2)
    subject.machine.answered(subject.now + 20, subject.link, subject.machine.counters.pings)
    const { state } = subject.machine
    assert.ok(state.name === 'open')
    assert.equal(state.liveness.rtt, 20)
  })

  test('takes frames for the application while it is in hand', () => {
    const subject = situations.open!()
    assert.equal(subject.machine.heard(subject.now, 1), true)
    subject.close()
    assert.equal(subject.machine.heard(subject.now, 1), false)
  })

  test('is lost when a write stands still', () => {
    const subject = situations.open!()
    subject.gauge.backlog = 10
    assert.deepEqual(subject.wait(11_000), ['drop 1', 'error, end 1006 write-timeout, goes on', 'retry 1 in 1000'])
  })

  test('without pings is watched only while something is being written', () => {
    const subject = situations.connecting!()
    subject.opens(50, false)
    assert.equal(subject.machine.deadline, Infinity)
    subject.gauge.backlog = 10
    subject.machine.sent(subject.now)
    assert.deepEqual(subject.wait(11_000), ['drop 1', 'error, end 1006 write-timeout, goes on', 'retry 1 in 1000'])
  })

  test('is probed by a send after thirty seconds of silence', () => {
    const subject = situations.open!({ liveness: { interval: 120_000, timeout: 10_000, writeTimeout: 10_000 } })
    subject.wait(30_001)
    subject.machine.sent(subject.now)
    assert.deepEqual(subject.said(), ['ping 1'])
    subject.machine.sent(subject.now)
    assert.deepEqual(subject.said(), [])
  })

  test('is probed by a wake and by the network coming back, and lost four seconds later', () => {
    for (const hint of ['wake', 'online'] as const) {
      const subject = situations.open!()
      subject.wait(700)
      assert.deepEqual(subject.hint(hint), ['ping 1'])
      assert.deepEqual(subject.hint(hint), [])
      assert.deepEqual(subject.wait(3_749), [])
      assert.deepEqual(subject.wait(1), ['drop 1', 'error, end 1006 heartbeat-timeout, goes on', 'retry 1 in 1000'])
    }
  })

  test('is judged by nobody while its reader pauses', () => {
    const subject = situations.open!()
    subject.machine.pause()
    assert.deepEqual(subject.wait(60_000), ['ping 1', 'ping 2'])
    subject.machine.resume(subject.now)
    assert.deepEqual(subject.wait(39_999), ['ping 3'])
    assert.equal(subject.state, 'open')
  })

  test('is all that a reader can pause', () => {
    const subject = situations.waiting!()
    subject.machine.pause()
    subject.machine.resume(subject.now)
    subject.machine.sent(subject.now)
    subject.machine.overflow(subject.now, error)
    assert.deepEqual(subject.said(), [])
    assert.equal(subject.state, 'waiting')
  })

  test('ends its session when the application sends more than it takes', () => {
    const subject = situations.open!()
    subject.machine.overflow(subject.now, error)
    assert.deepEqual(subject.said(), ['drop 1', 'error, end 1013 overflow, goes on', 'retry 1 in 1000'])
    const strict = situations.open!({ isReconnecting: false })
    strict.machine.overflow(strict.now, error)
    assert.deepEqual(strict.said(), ['drop 1', 'error, end 1013 overflow'])
  })
})

describe('a queue', () => {
  test('flows into the session that opens, after open', () => {
    const subject = situations.connecting!()
    subject.send('a', 'b')
    assert.deepEqual(subject.said(), [])
    assert.deepEqual(subject.opens(), ['open', 'transmit a', 'transmit b'])
    assert.ok(subject.machine.canTransmit)
  })

  test('waits while the link takes nothing any more, and goes to the next session', () => {
    const subject = situations.open!()
    subject.gauge.isOpen = false
    assert.ok(!subject.machine.canTransmit)
    subject.send('a')
    assert.deepEqual(subject.said(), [])
    assert.deepEqual(subject.fails(restart), ['drop 1', 'end 1012 server, goes on', 'retry 1 in 1000'])
    subject.send('b')
    assert.deepEqual(subject.wait(1_000), ['dial 2, retry 1'])
    assert.deepEqual(subject.opens(), ['open', 'transmit a', 'transmit b'])
  })

  test('that is not empty goes before what is sent now', () => {
    const subject = situations.open!()
    subject.send('a')
    assert.ok(!subject.machine.canTransmit)
    assert.deepEqual(subject.said(), ['transmit a'])
    assert.ok(subject.machine.canTransmit)
  })

  test('comes back with the last close, and only with that', () => {
    const subject = situations.settling!()
    const entries = subject.send('a', 'b')
    subject.fails(restart)
    assert.deepEqual(subject.last('end').unsent, [])
    subject.wait(1_000)
    assert.deepEqual(subject.fails({ ...abnormalClose('server'), httpStatus: 404 }), ['error, end 1006 server'])
    assert.deepEqual(subject.last('end').unsent, entries)
    assert.equal(subject.machine.outbox.length, 0)
  })
})

describe('setting up a session', () => {
  test('comes after open and before the queue, for each session, and knows the first', () => {
    const subject = situations.connecting!({ hasSetup: true })
    subject.send('a')
    assert.deepEqual(subject.opens(), ['open', 'first setup'])
    assert.ok(!subject.machine.canTransmit)
    subject.machine.settled(1)
    assert.deepEqual(subject.said(), ['transmit a'])
    subject.machine.settled(1)
    assert.deepEqual(subject.said(), [])
    subject.fails(restart)
    subject.wait(1_000)
    assert.deepEqual(subject.opens(), ['open', 'setup'])
  })

  test('that fails ends the session politely and counts as a failed try', () => {
    const subject = situations.settling!()
    subject.machine.setupFailed(subject.now, 1, error)
    assert.deepEqual(subject.said(), ['drop politely 1', 'error, end 1006 setup, goes on', 'retry 1 in 1000'])
    assert.equal(subject.last('end').error, error)
  })

  test('that ends after its link is over changes nothing', () => {
    const subject = situations.settling!()
    subject.fails(restart)
    subject.machine.settled(1)
    subject.machine.setupFailed(subject.now, 1, error)
    assert.deepEqual(subject.said(), [])
    assert.equal(subject.state, 'waiting')
  })

  test('goes on under a heartbeat', () => {
    const subject = situations.settling!()
    assert.deepEqual(subject.wait(40_000), ['ping 1', 'drop 1', 'error, end 1006 heartbeat-timeout, goes on', 'retry 1 in 1000'])
  })
})

describe('without a network', () => {
  test('nothing is dialled at the start, until there is one', () => {
    const subject = new Subject()
    subject.hint('offline')
    assert.deepEqual(subject.start(), [])
    assert.equal(subject.state, 'waiting')
    assert.equal(subject.machine.deadline, Infinity)
    assert.deepEqual(subject.hint('wake'), [])
    assert.deepEqual(subject.hint('online'), ['dial 1'])
  })

  test('a strict socket dials all the same, as the standard says', () => {
    const subject = new Subject({ isReconnecting: false })
    subject.hint('offline')
    assert.deepEqual(subject.start(), ['dial 1'])
  })

  test('a retry that was due is not made, and not announced', () => {
    const subject = situations.waiting!()
    subject.hint('offline')
    assert.equal(subject.machine.deadline, Infinity)
    assert.deepEqual(subject.wait(60_000), [])
    assert.deepEqual(subject.hint('online'), ['dial 2, retry 1'])
  })

  test('a lost session ends, and its retry waits', () => {
    const subject = situations.open!()
    assert.deepEqual(subject.hint('offline'), [])
    assert.deepEqual(subject.fails(), ['drop 1', 'error, end 1006 network, goes on'])
    assert.equal(subject.machine.deadline, Infinity)
    assert.equal(subject.attempt, 1)
  })

  test('a dial that fails is no try, though it be the last', () => {
    const subject = situations.waiting!({ retry: { ...retry, maxRetries: 1 } })
    subject.wait(1_000)
    subject.hint('offline')
    assert.deepEqual(subject.fails(), ['failed: network'])
    assert.equal(subject.attempt, 1)
    subject.wait(60_000)
    assert.deepEqual(subject.hint('online'), ['dial 3, retry 1'])
    assert.deepEqual(subject.fails(), ['failed: network', 'giveup'])
  })

  test('reconnect() waits for it', () => {
    const subject = situations.suspended!()
    subject.hint('offline')
    assert.deepEqual(subject.reconnect(), [])
    assert.equal(subject.state, 'waiting')
    assert.deepEqual(subject.hint('online'), ['dial 2'])
  })
})

describe('a hint', () => {
  test('brings a waiting socket back at once, with its count', () => {
    for (const hint of ['wake', 'online'] as const) {
      const subject = situations.waiting!()
      assert.deepEqual(subject.hint(hint), ['dial 2, retry 1'])
    }
  })

  test('brings a suspended socket back with the count at zero', () => {
    for (const hint of ['wake', 'online'] as const) {
      const subject = situations.suspended!()
      assert.deepEqual(subject.hint(hint), ['dial 2'])
    }
  })

  test('dials once a second at the most', () => {
    const subject = situations.waiting!({ retry: { ...retry, minDelay: 20_000 } })
    assert.deepEqual(subject.hint('wake'), ['dial 2, retry 1'])
    subject.fails()
    const dials: number[] = []
    for (let step = 0; step < 500; step++) {
      const said = [...subject.hint('wake'), ...subject.wait(10)]
      if (!said.some((word) => word.startsWith('dial'))) continue
      dials.push(subject.now)
      subject.fails()
    }
    assert.deepEqual(dials, [1_000, 2_000, 3_000, 4_000, 5_000])
  })

  test('does not put off a dial by coming again', () => {
    const subject = situations.waiting!({ retry: { ...retry, minDelay: 20_000 } })
    subject.hint('wake')
    subject.fails()
    for (let count = 0; count < 20; count++) {
      subject.hint('offline')
      subject.hint('online')
    }
    assert.equal(subject.machine.deadline, 1_000)
    assert.deepEqual(subject.wait(1_000), ['dial 3, retry 2'])
  })

  test('does not go before the time that the server asked for, suspended or not', () => {
    const subject = situations.connecting!({ retry: { ...retry, maxRetries: 1 } })
    subject.fails(busy(60_000))
    assert.deepEqual(subject.hint('online'), [])
    subject.hint('offline')
    assert.deepEqual(subject.hint('online'), [])
    assert.deepEqual(subject.run(59_999), [])
    assert.deepEqual(subject.run(60_000), ['dial 2, retry 1'])
    assert.deepEqual(subject.fails(busy(60_000)), ['failed: server', 'giveup'])
    assert.deepEqual(subject.hint('online'), [])
    assert.deepEqual(subject.run(119_999), [])
    assert.deepEqual(subject.run(120_000), ['dial 3'])
  })

  test('changes nothing for a socket that dials, has not begun or is over', () => {
    for (const name of ['idle', 'connecting']) {
      const subject = situations[name]!()
      assert.deepEqual([...subject.hint('wake'), ...subject.hint('online')], [])
      assert.equal(subject.state, name)
    }
    const subject = situations.open!()
    subject.fails(goodbye)
    assert.deepEqual([...subject.hint('wake'), ...subject.hint('hide'), ...subject.hint('online')], [])
  })
})

describe('a page that is put away', () => {
  test('lets go of its link, and comes back when it is shown', () => {
    const subject = situations.open!()
    assert.deepEqual(subject.hint('hide'), ['drop politely 1', 'error, end 1006 offline, goes on'])
    assert.equal(subject.machine.deadline, Infinity)
    assert.deepEqual(subject.hint('wake'), [])
    assert.deepEqual(subject.hint('online'), ['dial 2, retry 1'])
  })

  test('lets go of its dial, which was no try', () => {
    const subject = situations.waiting!()
    subject.wait(1_000)
    assert.deepEqual(subject.hint('hide'), ['drop 2'])
    assert.equal(subject.machine.deadline, Infinity)
    subject.wait(60_000)
    assert.deepEqual(subject.hint('online'), ['dial 3, retry 1'])
  })

  test('makes no retries', () => {
    const subject = situations.waiting!()
    assert.deepEqual(subject.hint('hide'), [])
    assert.equal(subject.machine.deadline, Infinity)
  })

  test('leaves a strict socket alone', () => {
    const subject = situations.open!({ isReconnecting: false })
    assert.deepEqual(subject.hint('hide'), [])
    assert.equal(subject.state, 'open')
  })
})

describe('reconnect()', () => {
  const expected: { readonly [name: string]: string[] } = {
    idle: ['dial 1'],
    connecting: ['drop politely 1', 'dial 2'],
    settling: ['drop politely 1', 'error, end 1006 client, goes on', 'dial 2'],
    open: ['drop politely 1', 'error, end 1006 client, goes on', 'dial 2'],
    waiting: ['dial 2'],
    suspended: ['dial 2'],
  }
  for (const [name, words] of Object.entries(expected)) {
    test(`dials now from ${name}, with the count at zero`, () => {
      const subject = situations[name]!()
      assert.deepEqual(subject.reconnect(), words)
      assert.equal(subject.state, 'connecting')
      assert.equal(subject.attempt, 0)
    })
  }

  test('forgives refusals, and does not wait for the time that a server asked for', () => {
    const subject = situations.connecting!({ canRefresh: true })
    subject.fails(unauthorized)
    assert.deepEqual(subject.reconnect(), ['dial 2'])
    assert.deepEqual(subject.fails(unauthorized), ['failed: auth', 'retry 1 in 1000'])
    subject.reconnect()
    subject.fails(busy(60_000))
    assert.deepEqual(subject.reconnect(), ['dial 4'])
  })

  test('is no failure', () => {
    const subject = situations.open!()
    subject.reconnect()
    assert.deepEqual(subject.machine.counters.failures, {})
    assert.equal(subject.machine.lastClose?.cause, 'client')
  })

  test('before open was told leaves no trace of that session', () => {
    const subject = situations.connecting!({ hasSetup: true })
    subject.machine.opened(50, epoch, 1, subject.gauge, true)
    assert.deepEqual(subject.reconnect(), ['drop politely 1', 'dial 2'])
  })

  test('does nothing once the socket closes', () => {
    const subject = situations.open!()
    subject.close()
    assert.deepEqual(subject.reconnect(), [])
    subject.fails({ ...goodbye, wasClean: true })
    assert.deepEqual(subject.reconnect(), [])
    assert.equal(subject.state, 'closed')
  })
})

describe('close()', () => {
  test('says goodbye to an open link and ends with the answer of the peer', () => {
    for (const name of ['open', 'settling']) {
      const subject = situations[name]!()
      assert.deepEqual(subject.close(4000, 'bye'), ['say goodbye 4000 bye'])
      assert.equal(subject.state, 'closing')
      assert.deepEqual(subject.close(), [])
      assert.deepEqual(subject.fails({ code: 4000, reason: 'bye', wasClean: true, cause: 'server' }), ['end 4000 client'])
    }
  })

  test('tells of a link that broke before the answer came', () => {
    const subject = situations.open!()
    subject.close()
    assert.deepEqual(subject.fails(), ['error, end 1006 network'])
  })

  test('waits closeTimeout for the answer', () => {
    const subject = situations.open!()
    subject.close()
    assert.deepEqual(subject.wait(9_999), [])
    subject.tick()
    assert.deepEqual(subject.wait(1), ['drop 1', 'error, end 1006 client'])
    assert.match(subject.last('end').error!.message, /did not answer the close within 10000 ms/)
  })

  test('is not answered by a link that is not in hand', () => {
    const subject = situations.open!()
    subject.close()
    subject.machine.linkClosed(subject.now, 99, goodbye, error)
    assert.deepEqual(subject.said(), [])
    assert.equal(subject.state, 'closing')
  })

  for (const name of ['idle', 'connecting', 'waiting', 'suspended']) {
    const drops = name === 'connecting' ? ['drop 1'] : []

    test(`ends a reconnecting socket that is ${name} with the next tick, silently`, () => {
      const subject = situations[name]!()
      assert.deepEqual(subject.close(4000, 'bye'), drops)
      assert.equal(subject.machine.deadline, subject.now)
      assert.deepEqual(subject.tick(), ['end 4000 client'])
      assert.deepEqual(subject.last('end').close, { code: 4000, reason: 'bye', wasClean: true, cause: 'client' })
    })
  }

  for (const name of ['idle', 'connecting']) {
    test(`fails the connection of a strict socket that is ${name}`, () => {
      const subject = situations[name]!({ isReconnecting: false })
      subject.close()
      assert.deepEqual(subject.tick(), ['error, end 1006 client'])
      assert.match(subject.last('end').error!.message, /closed before a connection was established/)
    })
  }

  test('without a code is 1005, and not clean if messages are left', () => {
    const subject = situations.waiting!()
    const entries = subject.send('a')
    subject.close()
    subject.tick()
    assert.deepEqual(subject.last('end').close, { code: 1005, reason: '', wasClean: false, cause: 'client' })
    assert.deepEqual(subject.last('end').unsent, entries)
  })

  test('in the turn of a dial takes the dial back', () => {
    const subject = new Subject()
    subject.machine.start(0, epoch)
    assert.deepEqual(subject.close(), ['drop 1'])
  })

  test('before open was told is told alone', () => {
    const subject = situations.connecting!({ hasSetup: true })
    subject.machine.opened(50, epoch, 1, subject.gauge, true)
    assert.deepEqual(subject.close(1000), ['say goodbye 1000'])
    assert.deepEqual(subject.fails({ ...goodbye, reason: '' }), ['end 1000 client'])
  })

  test('takes back what was to follow a loss', () => {
    const subject = situations.open!()
    subject.machine.linkClosed(subject.now, 1, network, error)
    assert.deepEqual(subject.close(), ['drop 1', 'error, end 1006 network, goes on'])
    assert.deepEqual(subject.tick(), ['end 1005 client'])
  })
})

describe('an abort', () => {
  for (const [name, situation] of Object.entries(situations)) {
    const drops = ['connecting', 'settling', 'open'].includes(name) ? ['drop 1'] : []

    test(`ends a socket that is ${name} with the next tick`, () => {
      const subject = situation()
      assert.deepEqual(subject.abort(), drops)
      assert.equal(subject.machine.deadline, subject.now)
      assert.deepEqual(subject.tick(), ['error, end 1006 aborted'])
      assert.match(subject.last('end').error!.message, /the signal was aborted/)
      assert.deepEqual(subject.abort(), [])
    })
  }

  test('ends one that waits for the answer to its close', () => {
    const subject = situations.open!()
    subject.close()
    assert.deepEqual(subject.abort(), ['drop 1'])
    assert.deepEqual(subject.tick(), ['error, end 1006 aborted'])
  })
})

describe('a session that was lost before open was told', () => {
  test('is a dial that failed', () => {
    const subject = situations.connecting!({ hasSetup: true })
    subject.machine.opened(50, epoch, 1, subject.gauge, true)
    assert.deepEqual(subject.fails(restart), ['drop 1', 'failed: server', 'retry 1 in 1000'])
  })
})

describe('after the end', () => {
  test('nothing follows, whatever happens', () => {
    const subject = situations.open!()
    subject.fails(goodbye)
    assert.equal(subject.last('end').willReconnect, false)
    const { machine } = subject
    machine.start(1, epoch)
    machine.linkClosed(1, 1, network, error)
    machine.opened(1, epoch, 1, subject.gauge, true)
    machine.sent(1)
    machine.settled(1)
    machine.setupFailed(1, 1, error)
    machine.overflow(1, error)
    machine.pause()
    machine.resume(1)
    for (const hint of ['offline', 'online', 'wake', 'hide'] as const) machine[hint](1, epoch)
    assert.deepEqual([...subject.close(), ...subject.abort(), ...subject.reconnect(), ...subject.tick()], [])
    assert.equal(subject.state, 'closed')
    assert.equal(machine.deadline, Infinity)
  })

  test('no tick was due before the start or in suspension either', () => {
    for (const name of ['idle', 'suspended']) {
      const subject = situations[name]!()
      assert.equal(subject.machine.deadline, Infinity)
      assert.deepEqual(subject.tick(), [])
    }
    const subject = situations.waiting!()
    assert.deepEqual(subject.tick(), [])
  })
})
