// The client machine under everything that can happen to it, in any order: a model plays the shell, the application and the world, carries out each
// output, and checks it against what was promised. A failure prints the seed and the path with which fast-check runs it again.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ClientConfig, ClientMachine } from './client-machine.ts'
import type { Output } from './client-output.ts'
import type { ClientStateName } from './client-state.ts'
import { abnormalClose, type CloseInfo } from './close-info.ts'
import type { OutboxEntry } from './outbox.ts'

const epoch = 1_700_000_000_000
const second = 1_000
const hour = 3_600_000
/** How often the machine may want to be ticked at one moment. */
const ticksAtOnce = 3

interface Link {
  readonly number: number
  readonly attempt: number
  isOpen: boolean
  openedAt: number | undefined
  /** The world has closed it; nothing is heard of it any more. */
  isGone: boolean
  bytesRead: number
  bytesWritten: number
  backlog: number
}

type ApplicationInput =
  | 'send'
  | 'write'
  | 'close'
  | 'abort'
  | 'reconnect'
  | 'settle'
  | 'fail setup'
  | 'overflow'
  | 'pause'
  | 'resume'
  | 'start'
type WorldInput = 'open' | 'open without pings' | 'refuse messages' | 'frame' | 'answer' | 'byte' | 'stall' | 'drain' | 'stale report'
type Hint = 'online' | 'offline' | 'wake' | 'hide'

type Step =
  | { readonly kind: 'application'; readonly input: ApplicationInput }
  | { readonly kind: 'world'; readonly input: WorldInput }
  | { readonly kind: 'lose'; readonly close: CloseInfo }
  | { readonly kind: 'hint'; readonly hint: Hint }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'tick'; readonly count: number; readonly lateMs: number }
  | { readonly kind: 'wall jump'; readonly ms: number }

/** Which state may follow which, as the diagram of the machine says. */
const mayFollow: { readonly [name in ClientStateName]: readonly ClientStateName[] } = {
  idle: ['connecting', 'waiting', 'closing'],
  connecting: ['settling', 'open', 'waiting', 'suspended', 'closing', 'closed'],
  greeting: [],
  settling: ['connecting', 'open', 'waiting', 'suspended', 'closing', 'closed'],
  open: ['connecting', 'waiting', 'suspended', 'closing', 'closed'],
  waiting: ['connecting', 'closing'],
  suspended: ['connecting', 'waiting', 'closing'],
  closing: ['closed'],
  closed: [],
}

/** A configuration that can be printed and shrunk: its functions as what they return. */
type Setting = Omit<ClientConfig, 'outbox' | 'random' | 'shouldRetry'> & {
  readonly lots: readonly number[]
  readonly answers: readonly (boolean | undefined)[] | null
}

class Model {
  readonly config: ClientConfig
  readonly machine: ClientMachine
  readonly #reactions: (ApplicationInput | null)[]
  now = 0
  #ahead = epoch
  #state: ClientStateName = 'idle'
  #current: Link | undefined
  readonly #past: Link[] = []
  #lastNumber = 0
  #isSessionOpen = false
  #setup: 'due' | 'running' | 'done' = 'done'
  #isFinished = false
  #isNetworkGone = false
  #lastPing = 0
  /** Until then the server asked not to be dialled. */
  #notBefore = -Infinity
  #queue: OutboxEntry[] = []
  /** What may be told of the last failure: the number of the retry that follows it. */
  #failure: { readonly nextAttempt: number; readonly close: CloseInfo } | undefined

  constructor({ lots, answers, ...rest }: Setting, reactions: readonly (ApplicationInput | null)[]) {
    let draws = 0
    let asked = 0
    const shouldRetry = answers ? () => answers[asked++ % answers.length] : undefined
    const outbox = { maxBytes: Infinity, maxMessages: Infinity }
    this.config = { ...rest, outbox, random: () => lots[draws++ % lots.length]!, shouldRetry }
    this.machine = new ClientMachine(this.config)
    this.#reactions = [...reactions]
  }

  get isFinished(): boolean {
    return this.#isFinished
  }
  get current(): Link | undefined {
    return this.#current
  }

  step(step: Step): void {
    const { machine } = this
    switch (step.kind) {
      case 'application':
        this.#apply(step.input)
        break
      case 'world':
        this.#world(step.input)
        break
      case 'lose':
        this.lose(step.close)
        break
      case 'hint':
        if (step.hint === 'online') this.#isNetworkGone = false
        if (step.hint === 'offline' || (step.hint === 'hide' && this.config.isReconnecting)) this.#isNetworkGone = true
        machine[step.hint](this.now, this.#wall)
        break
      case 'pass':
        this.now += step.ms
        break
      case 'tick':
        for (let count = 0; count < step.count; count++) this.tick(step.lateMs)
        break
      case 'wall jump':
        this.#ahead += step.ms
        break
    }
    this.turn()
  }

  /** Lets time go on to the deadline, or past it, and ticks until the machine has nothing to do at that moment. */
  tick(lateMs: number): void {
    const { machine } = this
    if (machine.deadline < Infinity) this.now = Math.max(this.now, machine.deadline + lateMs)
    for (let ticks = 0; machine.deadline <= this.now; ticks++) {
      assert.ok(ticks < ticksAtOnce, `it spins in ${machine.state.name}`)
      machine.tick(this.now, this.#wall)
      this.turn()
    }
  }

  turn(): void {
    const { machine } = this
    for (let output = machine.poll(); output; output = machine.poll()) this.#perform(output)
    assert.equal(typeof machine.deadline, 'number')
    assert.ok(!Number.isNaN(machine.deadline))
    assert.equal(machine.state.name, this.#state)
    assert.equal(this.#isSessionOpen && this.#state !== 'closing', this.#state === 'open' || this.#state === 'settling')
  }

  lose(close: CloseInfo): void {
    const link = this.#current
    if (!link || link.isGone) return
    link.isGone = true
    link.isOpen = false
    this.#notBefore = this.now + (close.retryAfter ?? 0)
    this.machine.linkClosed(this.now, link.number, close, new Error('lost'))
  }

  get #wall(): number {
    return this.now + this.#ahead
  }

  #apply(input: ApplicationInput): void {
    const { machine, now } = this
    const number = this.#current?.number ?? 0
    switch (input) {
      case 'start':
        machine.start(now, this.#wall)
        return
      case 'send': {
        if (this.#state === 'closed' || machine.state.name === 'closed') return
        const entry: OutboxEntry = { data: {}, bytes: 1, settle: undefined }
        this.#queue.push(entry)
        machine.send(entry)
        return
      }
      case 'write':
        if (!machine.canTransmit) return
        assert.ok(this.#current?.isOpen && !this.#current.isGone)
        machine.sent(now)
        return
      case 'close':
        machine.close(now, now, 1000, '')
        return
      case 'abort':
        machine.abort(now)
        return
      case 'reconnect':
        if (!this.config.isReconnecting) return // the strict class has no such method
        this.#notBefore = -Infinity
        machine.reconnect(now, this.#wall)
        return
      case 'settle':
        if (this.#setup !== 'running') return
        this.#setup = 'done'
        machine.settled(number)
        return
      case 'fail setup':
        if (this.#setup !== 'running') return
        this.#setup = 'done'
        machine.setupFailed(now, number, new Error('setup'))
        return
      case 'overflow':
        machine.overflow(now, new Error('overflow'))
        return
      case 'pause':
        machine.pause()
        return
      case 'resume':
        machine.resume(now)
        return
    }
  }

  #world(input: WorldInput): void {
    const { machine, now } = this
    if (input === 'stale report') {
      this.#reportPast()
      return
    }
    const link = this.#current
    if (!link || link.isGone) return
    const isOpening = input === 'open' || input === 'open without pings'
    if (isOpening !== (link.openedAt === undefined)) return
    switch (input) {
      case 'open':
      case 'open without pings':
        link.isOpen = true
        link.openedAt = now
        machine.opened(now, this.#wall, link.number, link, input === 'open')
        return
      case 'refuse messages':
        link.isOpen = false
        return
      case 'frame':
        machine.heard(now, link.number)
        return
      case 'answer':
        machine.answered(now, link.number, this.#lastPing)
        return
      case 'byte':
        link.bytesRead++
        return
      case 'stall':
        link.backlog += 100
        return
      case 'drain':
        link.bytesWritten += link.backlog
        link.backlog = 0
        return
    }
  }

  /** What is reported of a link that was let go of, or of none at all, changes nothing. */
  #reportPast(): void {
    const { machine, now } = this
    const { state, deadline } = machine
    for (const past of [...this.#past, { ...blankLink(this.#lastNumber + 1, 0) }]) {
      machine.opened(now, this.#wall, past.number, past, true)
      machine.linkClosed(now, past.number, abnormalClose('network'), new Error('stale'))
      machine.settled(past.number)
      machine.setupFailed(now, past.number, new Error('stale'))
      machine.answered(now, past.number, this.#lastPing)
      assert.equal(machine.heard(now, past.number), false)
    }
    assert.equal(machine.state, state)
    assert.equal(machine.deadline, deadline)
    assert.equal(machine.poll(), undefined)
  }

  #perform(output: Output): void {
    assert.ok(!this.#isFinished, `${output.kind} after the last event`)
    switch (output.kind) {
      case 'dial':
        this.#dialled(output.link, output.attempt)
        break
      case 'drop':
        this.#dropped(output.link)
        break
      case 'transmit':
        assert.ok(
          this.#isSessionOpen && this.#current?.isOpen && this.#current.number === output.link,
          'it writes to a link that is not open',
        )
        assert.equal(this.#setup, 'done', 'it writes before the session is set up')
        assert.equal(output.entry, this.#queue.shift())
        return
      case 'ping':
        assert.ok(output.ping > this.#lastPing)
        this.#lastPing = output.ping
        return
      case 'close':
        assert.ok(this.#current?.number === output.link && this.#current.openedAt !== undefined)
        return
      case 'change':
        assert.equal(output.from, this.#state)
        assert.ok(mayFollow[output.from].includes(output.to), `${output.from} to ${output.to}`)
        this.#state = output.to
        break
      case 'open':
        assert.ok(!this.#isSessionOpen && this.#current?.openedAt !== undefined && !this.#current.isGone)
        this.#isSessionOpen = true
        this.#setup = this.config.hasSetup ? 'due' : 'done'
        this.#failure = undefined
        break
      case 'setup':
        assert.ok(this.#isSessionOpen)
        assert.equal(this.#setup, 'due')
        this.#setup = 'running'
        break
      case 'failed':
        assert.ok(!this.#isSessionOpen && this.config.isReconnecting)
        break
      case 'end':
        this.#ended(output)
        break
      case 'retry':
        this.#retried(output)
        break
      case 'giveup':
        assert.ok(this.#failure && this.#failure.nextAttempt > this.config.retry.maxRetries)
        assert.equal(output.close.cause, 'retries-exhausted')
        this.#failure = undefined
        break
    }
    if (output.kind === 'failed' || (output.kind === 'end' && output.willReconnect)) this.#failure = this.#failureOf(output.close)
    this.#react()
  }

  /** The application does something in the middle of being told. */
  #react(): void {
    const reaction = this.#reactions.shift()
    if (reaction) this.#apply(reaction)
  }

  #dialled(number: number, attempt: number): void {
    assert.ok(number > this.#lastNumber)
    assert.ok(!this.#current || this.#current.isGone, 'two links at once')
    assert.ok(!this.#isSessionOpen, 'a dial while a session is open')
    assert.ok(this.now >= this.#notBefore, 'a dial before the time that the server asked for')
    assert.ok(attempt <= this.config.retry.maxRetries, 'more tries than allowed')
    assert.ok(this.config.isReconnecting || number === 1, 'a strict socket dials once')
    assert.ok(!this.config.isReconnecting || !this.#isNetworkGone, 'a dial without a network')
    if (this.#current) this.#past.push(this.#current)
    this.#current = blankLink(number, attempt)
    this.#lastNumber = number
  }

  #dropped(number: number): void {
    if (number > this.#lastNumber) {
      this.#lastNumber = number // its dial was taken back
      return
    }
    assert.equal(number, this.#current?.number)
    this.#past.push(this.#current!)
    this.#current = undefined
  }

  #ended({ close, error, willReconnect, unsent }: Output & { kind: 'end' }): void {
    assert.ok(!willReconnect || (this.#isSessionOpen && this.config.isReconnecting))
    assert.equal(error !== undefined, close.code === 1006 || close.cause === 'overflow')
    assert.deepEqual(unsent, willReconnect ? [] : this.#queue)
    this.#isSessionOpen = false
    this.#setup = 'done'
    this.#isFinished = !willReconnect
    if (this.#isFinished) assert.ok(!this.#current || this.#current.isGone, 'a link is left over')
  }

  #retried({ attempt, delay, close }: Output & { kind: 'retry' }): void {
    const { minDelay, maxDelay, factor, jitter, maxRetries } = this.config.retry
    assert.ok(this.#failure, 'a retry without a failure')
    assert.equal(close, this.#failure.close)
    assert.equal(attempt, this.#failure.nextAttempt)
    assert.ok(attempt >= 1 && attempt <= maxRetries)
    const whole = Math.min(maxDelay, minDelay * factor ** (attempt - 1))
    const least = jitter === 'none' ? whole : jitter === 'equal' && attempt > 1 ? whole / 2 : 0
    const asked = close.retryAfter ?? 0
    assert.ok(delay >= Math.max(least, asked) - 1e-3 && delay <= Math.max(whole, asked) + 1e-3, `retry ${attempt} in ${delay} ms`) // to the microsecond
    this.#failure = undefined
  }

  /** Counts what the machine should have counted. */
  #failureOf(close: CloseInfo): { readonly nextAttempt: number; readonly close: CloseInfo } {
    const link = this.#current ?? this.#past.at(-1)
    assert.ok(link)
    if (link.openedAt === undefined) return { close, nextAttempt: this.#isNetworkGone ? link.attempt : link.attempt + 1 }
    const isStable = this.now >= link.openedAt + this.config.retry.stableAfter
    return { close, nextAttempt: isStable ? 1 : link.attempt + 1 }
  }
}

function blankLink(number: number, attempt: number): Link {
  return { number, attempt, isOpen: false, openedAt: undefined, isGone: false, bytesRead: 0, bytesWritten: 0, backlog: 0 }
}

const closes: fc.Arbitrary<CloseInfo> = fc.oneof(
  { weight: 4, arbitrary: fc.constant(abnormalClose('network')) },
  { weight: 3, arbitrary: fc.constantFrom(1001, 1012, 1013, 4500).map((code) => coded(code)) },
  { weight: 1, arbitrary: fc.constantFrom(1000, 1008, 4404).map((code) => coded(code)) },
  { weight: 1, arbitrary: fc.constantFrom(401, 403, 500).map((httpStatus) => ({ ...abnormalClose('auth'), httpStatus })) },
  { weight: 1, arbitrary: fc.nat(20 * second).map((retryAfter) => ({ ...abnormalClose('server'), httpStatus: 503, retryAfter })) },
)

function coded(code: number): CloseInfo {
  return { code, reason: '', wasClean: true, cause: 'server' }
}

const gentle: fc.Arbitrary<ApplicationInput> = fc.constantFrom('send', 'send', 'write', 'settle', 'settle', 'pause', 'resume', 'start')
const rough: fc.Arbitrary<ApplicationInput> = fc.constantFrom('reconnect', 'reconnect', 'fail setup', 'overflow', 'close', 'abort')
const world: fc.Arbitrary<WorldInput> = fc.constantFrom(
  'open',
  'open',
  'open',
  'open without pings',
  'refuse messages',
  'frame',
  'answer',
  'byte',
  'stall',
  'drain',
  'stale report',
)
const times = fc.oneof(fc.nat(3 * second), fc.double({ min: 0, max: 40 * second, noNaN: true }))
const lateness = fc.oneof(
  { weight: 5, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.nat(100) },
  { weight: 1, arbitrary: fc.nat(hour) },
)

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('world' as const), input: world }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('tick' as const), count: fc.integer({ min: 1, max: 15 }), lateMs: lateness }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('application' as const), input: gentle }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('lose' as const), close: closes }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('hint' as const), hint: fc.constantFrom('online', 'online', 'wake', 'offline', 'hide') }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: times }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('application' as const), input: rough }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wall jump' as const), ms: fc.integer({ min: -hour, max: hour }) }) },
)

const settings: fc.Arbitrary<Setting> = fc.record({
  isReconnecting: fc.oneof({ weight: 6, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
  retry: fc.record({
    minDelay: fc.constantFrom(1, 1_000, 1_234.5),
    maxDelay: fc.constantFrom(2_000, 30_000),
    factor: fc.constantFrom(1, 1.7, 2),
    jitter: fc.constantFrom('equal', 'full', 'none'),
    maxRetries: fc.constantFrom(0, 1, 3, 10, Infinity),
    stableAfter: fc.constantFrom(1, 5_000, 30_000, Infinity),
  }),
  liveness: fc.record({
    interval: fc.constantFrom(50, 30_000, Infinity),
    timeout: fc.constantFrom(20, 10_000, 333.3),
    writeTimeout: fc.constantFrom(500, 10_000),
  }),
  connectTimeout: fc.constantFrom(10, 10_000, 777.7),
  closeTimeout: fc.constantFrom(1, 10_000),
  hasSetup: fc.boolean(),
  canRefresh: fc.boolean(),
  lots: fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 1, maxLength: 5 }),
  answers: fc.option(fc.array(fc.constantFrom(true, true, false, undefined), { minLength: 1, maxLength: 8 })),
})

/** What the application does while it is told things: mostly nothing. */
const reactions = fc.array(
  fc.oneof({ weight: 24, arbitrary: fc.constant(null) }, { weight: 4, arbitrary: gentle }, { weight: 1, arbitrary: rough }),
  { maxLength: 60, size: 'max' },
)

const start: Step = { kind: 'application', input: 'start' }

test('whatever happens in whatever order, each promise of the machine is kept', () => {
  fc.assert(
    fc.property(settings, reactions, fc.array(steps, { maxLength: 80, size: 'max' }), (setting, reacting, list) => {
      const model = new Model(setting, reacting)
      model.step(start)
      for (const step of list) model.step(step)
    }),
    { numRuns: 1_000 },
  )
})

test('after close() the last event comes within closeTimeout, wherever the machine was', () => {
  fc.assert(
    fc.property(settings, fc.array(steps, { maxLength: 40, size: 'max' }), (setting, list) => {
      const model = new Model(setting, [])
      model.step(start)
      for (const step of list) model.step(step)
      const closedAt = model.now
      model.step({ kind: 'application', input: 'close' })
      if (!model.isFinished) model.tick(0)
      assert.ok(model.isFinished)
      assert.ok(model.now <= closedAt + setting.closeTimeout)
    }),
    { numRuns: 300 },
  )
})

test('an open link that falls silent is lost within interval and timeout, whatever it went through', () => {
  fc.assert(
    fc.property(settings, fc.array(steps, { maxLength: 40, size: 'max' }), (setting, list) => {
      fc.pre(setting.liveness.interval < Infinity)
      const model = new Model(setting, [])
      model.step(start)
      for (const step of list) model.step(step)
      model.step({ kind: 'world', input: 'open' })
      model.step({ kind: 'world', input: 'drain' })
      model.tick(0) // which may still find what came before
      model.step({ kind: 'application', input: 'resume' })
      const { state, deadline } = model.machine
      if ((state.name !== 'open' && state.name !== 'settling') || deadline === Infinity || !model.current) return
      const silentFrom = model.now
      const isDead = () => !('liveness' in model.machine.state)
      const { interval, timeout } = setting.liveness
      // each 32 KiB written is a second more, a reading that has to be taken twice is up to two ticks
      const boundMs = interval + timeout + (1_000 * model.current.bytesWritten) / 32_768 + 2 * second
      while (!isDead() && model.now <= silentFrom + boundMs && model.machine.deadline < Infinity) model.tick(0)
      assert.ok(isDead() || model.machine.deadline === Infinity, `still alive ${model.now - silentFrom} ms later`)
    }),
    { numRuns: 300 },
  )
})
