/**
 * The shell around the machine: it dials, sends, listens and keeps the one timer of a socket.
 *
 * Each input is told to the machine, then all its outputs are carried out, then the alarm is set. What the world says is worked off
 * at once; what the application says in a microtask, so that nothing is dispatched inside a call of its own.
 */

import { type ClientConfig, ClientMachine } from '../core/client-machine.ts'
import type { Output } from '../core/client-output.ts'
import { abnormalClose, type CloseInfo } from '../core/close-info.ts'
import type { OutboxEntry } from '../core/outbox.ts'
import { speaksSessions } from './address.ts'
import { Alarm, type AlarmOwner } from './alarm.ts'
import { type BinaryType, byteLength, type Data, type Received, received, snapshot, type Wire } from './data.ts'
import { Deferred } from './deferred.ts'
import { type Address, isDynamic, requestDial, UnsupportedError } from './dial-request.ts'
import { DetailEvent, rootEvents, SessionCloseEvent, SocketErrorEvent, SocketEvent, SocketMessageEvent } from './event.ts'
import { type DispatchTarget, dispatch } from './event-target.ts'
import { type Level, publishChange, type Writer, writeLine } from './journal.ts'
import type { Link, LinkOwner } from './link.ts'
import { type Holder, Links } from './links.ts'
import { MessageQueue, type QueueOwner } from './message-queue.ts'
import type { Clock, DialContext, ResolvedOptions } from './options.ts'
import { type Hint, platform, systemClock } from './platform.ts'
import { guarded, messageOf } from './report.ts'
import { Sender, type SenderOwner } from './sender.ts'
import type { Stats, Status } from './status.ts'
import { StatusBoard } from './status-board.ts'

/** What onSession is called with, but for the socket itself. */
export interface Setup {
  readonly isFirst: boolean
  readonly signal: AbortSignal
  send(data: Data): void
}

export type SetupRunner = (setup: Setup) => unknown

export class Connection implements AlarmOwner, LinkOwner, QueueOwner, SenderOwner, Writer {
  binaryType: BinaryType = 'blob'
  /** Whether messages are kept for the next session while none is open. */
  readonly isReconnecting: boolean
  readonly #socket: DispatchTarget
  readonly #address: Address
  readonly options: ResolvedOptions
  readonly machine: ClientMachine
  readonly sender: Sender
  readonly #setup: SetupRunner | undefined
  readonly #links = new Links()
  #url: string
  #protocol = ''
  #extensions = ''
  readonly #alarm: Alarm
  #board: StatusBoard | undefined
  isDraining = false
  #isTurnDue = false
  #isTurnEnding = false
  #isEnding = false
  #received = 0
  #turnAt: number | undefined
  #queue: MessageQueue | undefined
  /** Ends the set-up of a session, whatever links it has meanwhile. */
  #setupAbort: AbortController | undefined
  #opened: Deferred<unknown> | undefined
  #closed: Deferred<SessionCloseEvent> | undefined
  #closeEvent: SessionCloseEvent | undefined
  #unwatch: (() => void) | undefined
  #unheed: (() => void) | undefined

  constructor(socket: DispatchTarget, address: Address, options: ResolvedOptions, isReconnecting: boolean, setup: SetupRunner | undefined) {
    this.#socket = socket
    this.isReconnecting = isReconnecting
    this.#address = address
    this.options = options
    this.#setup = setup
    this.#url = typeof address.url === 'function' ? '' : String(address.url)
    this.machine = new ClientMachine(this.#config(isReconnecting))
    this.#alarm = new Alarm(this.#clock, this)
    this.sender = new Sender(this)
    if (options.signal) this.#heed(options.signal)
    if (options.autoStart ?? true) queueMicrotask(() => this.start())
  }

  get url(): string {
    return this.#url
  }
  get protocol(): string {
    return this.#protocol
  }
  get extensions(): string {
    return this.#extensions
  }

  get readyState(): 0 | 1 | 2 | 3 {
    if (this.#isEnding) return 3
    const { state, held } = this.machine
    if (held) return held.session.isOpen ? 1 : 2
    switch (state.name) {
      case 'idle':
      case 'connecting':
      case 'greeting':
      case 'waiting':
      case 'suspended':
        return 0
      case 'settling':
      case 'open':
        return 1
      case 'closing':
        return state.close.cause === 'aborted' ? 3 : 2
      case 'closed':
        return 3
    }
  }

  get isFinished(): boolean {
    const { state, held } = this.machine
    return state.name === 'closing' || state.name === 'closed' || (held !== undefined && !held.session.isOpen)
  }

  /** Whether nothing that is sent can leave any more. What comes while a server ends the session waits for the next one. */
  get isDiscarding(): boolean {
    const { held } = this.machine
    return this.isFinished && !(this.isReconnecting && held && !held.isClosed)
  }

  // From the application

  start(): void {
    if (platform().isOffline) this.machine.offline()
    this.machine.start(this.#now, this.#clock.wall())
    if (!this.isFinished) this.#unwatch ??= platform().watch((hint) => this.#hinted(hint))
    this.turn()
  }

  reconnect(): void {
    this.#unwatch ??= platform().watch((hint) => this.#hinted(hint))
    this.machine.reconnect(this.#now, this.#clock.wall())
    this.turnLater()
  }

  close(code: number | undefined, reason: string): void {
    this.machine.close(this.#now, this.#clock.wall(), code, reason)
    if (this.machine.held) this.turnLater()
    else this.#ringSoon()
  }

  /** @throws InvalidStateError while another reader is at work */
  read(): MessageQueue {
    if (this.#queue) throw new DOMException('another loop reads this socket; one for await at a time', 'InvalidStateError')
    this.#queue = new MessageQueue(this)
    if (this.#closeEvent) this.#endQueue(this.#closeEvent)
    return this.#queue
  }

  /** Resolves with the socket. */
  get opened(): Promise<unknown> {
    this.#opened ??= new Deferred()
    if (this.readyState === 1) this.#opened.resolve(this.#socket)
    else if (this.#closeEvent) this.#opened.reject(closeError(this.#closeEvent))
    return this.#opened.promise
  }

  get closed(): Promise<SessionCloseEvent> {
    this.#closed ??= new Deferred()
    if (this.#closeEvent) this.#closed.resolve(this.#closeEvent)
    return this.#closed.promise
  }

  get status(): Status {
    return this.#statusBoard.status
  }

  get stats(): Stats {
    const { heardAt, counters, held } = this.machine
    const outbox = held?.session.outbox
    return {
      lastHeardAt: heardAt === undefined ? null : Math.round(this.#clock.wall() - this.#now + heardAt),
      bufferedBytes: this.sender.bufferedAmount,
      unackedMessages: outbox?.length ?? 0,
      unackedBytes: outbox?.bytes ?? 0,
      sent: this.sender.sent,
      received: this.#received,
      links: counters.links,
      sessions: counters.sessions,
      dials: counters.dials,
      giveups: counters.giveups,
      pings: this.machine.pings,
      failures: { ...counters.failures },
    }
  }

  subscribe(listener: () => void): () => void {
    return this.#statusBoard.subscribe(listener)
  }

  // From the reader of `for await`

  /** A session goes on reading, or it would miss what the peer acknowledges: it withholds its own acknowledgements instead. */
  pauseReading(): void {
    if (!this.options.resume) {
      if (!this.link?.canPause) return
      this.link.pause()
    }
    this.machine.pause()
  }

  resumeReading(): void {
    if (!this.options.resume) {
      if (!this.link?.canPause) return
      this.link.resume()
    }
    this.machine.resume(this.#now)
    this.turn()
  }

  doneReading(queue: MessageQueue): void {
    if (this.#queue === queue) this.#queue = undefined
  }

  // From the link

  linkOpened(link: Link): void {
    const current = this.#links.holding(link)
    if (!current) return
    const { protocol, extensions } = link
    if (!this.options.resume) this.#protocol = protocol
    this.#extensions = extensions
    const canPing = link.canPing || this.options.heartbeat.message !== undefined
    this.machine.opened(this.#now, this.#clock.wall(), current.number, link, canPing, speaksSessions(protocol), protocol)
    if (this.#queue?.isFull) this.pauseReading()
    this.turn()
  }

  linkMessage(link: Link, message: Wire): void {
    const current = this.#links.holding(link)
    if (!current) return
    if (this.options.resume) {
      const data = this.machine.receive(this.turnNow, Number.NaN, current.number, message) as Wire | undefined
      if (data !== undefined) this.#deliver(data)
      // Control may have any consequence, data none but its acknowledgement.
      if (data === undefined) this.turn()
      else if (this.machine.held?.session.inbox.isDueBefore(this.#alarm.at)) this.turnLater()
      return
    }
    const { isReply } = this.options.heartbeat
    if (isReply && this.#isReply(isReply, message)) {
      const { state } = this.machine
      if ('liveness' in state) this.linkAnswered(link, state.liveness.ping)
      return
    }
    if (this.machine.heard(this.turnNow, current.number)) this.#deliver(message)
  }

  #deliver(message: Wire): void {
    this.#received++
    if (this.#queue) this.#keep(this.#queue, message)
    // WHATWG: no message is dispatched once close() was called, though a session still takes what was sent before the end.
    if (!this.isFinished) dispatch(this.#socket, SocketMessageEvent.received(message, this.binaryType))
  }

  linkHeard(link: Link): void {
    const current = this.#links.holding(link)
    if (current) this.machine.heard(this.#now, current.number)
  }

  linkAnswered(link: Link, ping: number): void {
    const holder = this.#links.holding(link)
    if (!holder) return
    this.machine.answered(this.#now, holder.number, ping)
    this.#board?.notify()
  }

  linkClosed(link: Link, close: CloseInfo, error: Error): void {
    const current = this.#links.holding(link)
    if (!current) return
    this.#lost(current, close, error)
    if (this.options.resume) this.#links.forget(current)
  }

  /** Sockets without options of their own share one, as they share those. */
  #config(isReconnecting: boolean): ClientConfig {
    const { options } = this
    const canRefresh = isDynamic(this.#address, options)
    const isShared = !canRefresh && !options.resume
    if (isShared && options.config) return options.config
    const { clock } = options
    const { shouldRetry } = options.retry
    const config: ClientConfig = {
      isReconnecting,
      retry: options.retry,
      liveness: { interval: options.heartbeat.interval, timeout: options.heartbeat.timeout, writeTimeout: options.writeTimeout },
      connectTimeout: options.connectTimeout,
      closeTimeout: options.closeTimeout,
      outbox: options.outbox,
      hasSetup: options.onSession !== undefined,
      session: options.resume ? { cid: drawCid(), maxLinkAge: options.maxLinkAge, mayMove: (url) => this.#mayMove(url) } : undefined,
      canRefresh,
      random: clock ? () => clock.random() : systemClock.random,
      shouldRetry: shouldRetry && ((close, attempt) => guarded(() => shouldRetry(close, attempt))),
    }
    if (isShared) options.config = config
    return config
  }

  get #statusBoard(): StatusBoard {
    return (this.#board ??= new StatusBoard(this.machine, this.#clock))
  }

  get #clock(): Clock {
    return this.options.clock ?? systemClock
  }

  get #now(): number {
    return this.#clock.now()
  }

  /** The time when this turn began: messages come and go by the packet, and reading a clock costs more than what is done with it. */
  get turnNow(): number {
    if (this.#turnAt === undefined) {
      this.#turnAt = this.#now
      this.#endTurnLater()
    }
    return this.#turnAt
  }

  get link(): Link | undefined {
    return this.options.resume ? (this.machine.held?.session.gauge as Link | undefined) : this.#links.current?.link
  }

  get isWatched(): boolean {
    return this.#board !== undefined
  }

  get ringsAt(): number {
    return this.#alarm.at
  }

  #keep(queue: MessageQueue, message: Wire): void {
    const data = received(message, this.binaryType)
    queue.push(data, byteLength(data))
    const { maxBytes } = this.options.inbox
    if (queue.bytes <= maxBytes || (this.link?.canPause && !this.options.resume)) return
    const error = new Error(`for await holds ${queue.bytes} unread bytes, above inbox.maxBytes (${maxBytes}); read faster, or raise it`)
    this.machine.overflow(this.#now, error)
    this.turn()
  }

  turnLater(): void {
    this.#isTurnDue = true
    this.#endTurnLater()
  }

  #endTurnLater(): void {
    if (this.#isTurnEnding) return
    this.#isTurnEnding = true
    queueMicrotask(() => {
      this.#isTurnEnding = false
      this.#turnAt = undefined
      if (this.#isTurnDue) this.turn()
    })
  }

  /** The end that the application asked for is a task of its own (WHATWG: queue a task). */
  #ringSoon(): void {
    platform().afterReads(() => this.ring())
  }

  turn(): void {
    if (this.isDraining) return
    this.isDraining = true
    for (let output = this.#next(); output; output = this.#next()) this.#perform(output)
    this.isDraining = false
    this.#isTurnDue = false
    this.#alarm.set(this.machine.deadline, this.machine.state.name === 'suspended')
    this.sender.wake()
    this.#board?.notify()
  }

  /** What is to be done next; what is to be written before it is. */
  #next(): Output | undefined {
    if (this.machine.held) this.sender.write()
    return this.machine.poll()
  }

  ring(): void {
    this.machine.tick(this.#now, this.#clock.wall())
    this.turn()
  }

  #perform(output: Output): void {
    const holder = 'link' in output ? this.#links.numbered(output.link) : undefined
    // What is for a link or a dial that is not in hand any more is for nobody.
    if ('link' in output && output.kind !== 'dial' && output.kind !== 'setup' && !holder) return
    switch (output.kind) {
      case 'dial':
        void this.#dial(this.#links.add(output.link), output)
        return
      case 'write':
        holder?.link?.send(output.frame as Data)
        return
      case 'transmit':
        if (this.link) this.sender.transmit(output.entry.data as Data, output.entry.settle)
        return
      case 'ping':
        this.#ping(output.ping)
        return
      case 'close':
        this.#goodbye(holder?.link, output)
        return
      case 'drop':
        if (holder) this.#drop(holder, output.isPolite)
        return
      case 'setup':
        void this.#runSetup(output)
        return
      case 'lost':
        this.#log('warn', 'lost; the session is kept', output.close)
        this.#emitDetail('lost', output.close)
        return
      case 'resumed': {
        const { downtime, replayed, resent } = output
        this.#log('info', 'resumed', undefined, { downtimeMs: Math.round(downtime), replayed, resent })
        this.#emitDetail('resumed', { downtime, replayed, resent })
        return
      }
      case 'change':
        publishChange(this, output.from, output.to, this.#clock.wall())
        this.#log('debug', `${output.from} → ${output.to}`)
        return
      case 'open':
        this.#log('info', 'open')
        this.#protocol = this.machine.held?.proto ?? this.#protocol
        if (this.#queue?.isFull) this.pauseReading()
        this.#opened?.resolve(this.#socket)
        dispatch(this.#socket, new SocketEvent('open'))
        return
      case 'failed':
        this.#log('warn', 'dial failed', output.close, { err: output.error })
        this.#emitError(output.close, output.error)
        return
      case 'end':
        this.#end(output)
        return
      case 'retry':
        this.#log('warn', 'retry', output.close, { attempt: output.attempt, delayMs: Math.round(output.delay), err: output.error })
        this.#emitDetail('retry', {
          attempt: output.attempt,
          delay: output.delay,
          at: this.status.retryAt ?? Math.round(this.#clock.wall() + output.delay),
          close: output.close,
          error: output.error,
        })
        return
      case 'giveup':
        this.#log('error', 'gave up: nobody tries again until reconnect() is called or the network comes back', output.close)
        this.#rejectOpened(new Error(`gave up after ${this.options.retry.maxRetries} retries in a row`))
        this.#emitDetail('giveup', output.close)
        return
    }
  }

  async #dial(current: Holder, output: Output & { kind: 'dial' }): Promise<void> {
    try {
      const { request, dialer } = await requestDial(this.#address, this.options, this.#dialContext(current, output), output.url)
      if (this.#links.numbered(current.number) !== current) return
      this.#url = request.url
      current.abort = undefined
      current.link = dialer(request, this)
    } catch (error) {
      if (this.#links.numbered(current.number) !== current) return
      if (error instanceof UnsupportedError) this.#lost(current, abnormalClose('unsupported'), error)
      else this.#lost(current, abnormalClose('setup'), new Error(`the dial could not be prepared: ${messageOf(error)}`, { cause: error }))
    }
  }

  #dialContext(current: Holder, { attempt, isResuming }: Output & { kind: 'dial' }): DialContext {
    return {
      url: this.#url,
      attempt,
      resuming: isResuming,
      lastClose: this.machine.lastClose,
      get signal() {
        current.abort ??= new AbortController()
        return current.abort.signal
      },
    }
  }

  /** A session is named by the link that it began on, whatever links it has meanwhile. */
  async #runSetup({ link: number, isFirst }: Output & { kind: 'setup' }): Promise<void> {
    const { current } = this.#links
    if (!current) return
    const abort = new AbortController()
    if (this.options.resume) this.#setupAbort = abort
    else current.abort = abort
    const send = (data: Data) => {
      const { held } = this.machine
      const bytes = byteLength(data)
      this.sender.checkSize(bytes)
      if (held?.link === number) this.sender.submit({ data: snapshot(data), bytes, settle: undefined })
      else if (!this.options.resume && this.#links.current === current && current.link) this.sender.transmit(data, undefined)
      else throw new DOMException('the session that this send belongs to is over', 'InvalidStateError')
    }
    try {
      await this.#setup?.({ isFirst, signal: abort.signal, send })
      this.machine.settled(number)
    } catch (error) {
      this.machine.setupFailed(this.#now, number, new Error(`onSession failed: ${messageOf(error)}`, { cause: error }))
    }
    this.turn()
  }

  #lost(current: Holder, close: CloseInfo, error: Error): void {
    this.machine.linkClosed(this.#now, current.number, close, error)
    this.turn()
  }

  #drop(current: Holder, isPolite: boolean): void {
    const { link } = current
    this.#links.forget(current)
    // A provider may look at its signal for the first time when the dial is over.
    if (!link) current.abort ??= new AbortController()
    current.abort?.abort(new Error('the connection that this was for is over'))
    if (!link) return
    if (this.machine.state.name === 'closed') this.sender.discardedBytes += link.bufferedAmount
    if (isPolite && link.isOpen) link.close(1000)
    link.terminate()
  }

  #goodbye(link: Link | undefined, { code, reason }: Output & { kind: 'close' }): void {
    if (!this.options.resume) link?.resume() // the peer's answer must be read, however far behind the reader is
    link?.close(code, reason)
  }

  #ping(ping: number): void {
    const { message } = this.options.heartbeat
    if (message === undefined) this.link?.ping(ping)
    else guarded(() => this.link?.send(typeof message === 'function' ? message() : message))
  }

  /** Only to the same origin: a server that was taken over must not lead its clients elsewhere. */
  #mayMove(url: string): boolean {
    try {
      return new URL(url).origin === new URL(this.#url).origin
    } catch {
      return false
    }
  }

  #end({ close, error, willReconnect, unsent, exact }: Output & { kind: 'end' }): void {
    this.#log(willReconnect ? 'warn' : 'info', willReconnect ? 'lost' : 'closed', close, error && { err: error })
    const unconfirmed = unsent.map((entry) => (typeof entry.data === 'string' ? entry.data : received(entry.data as Wire, 'arraybuffer')))
    rootEvents() // it may end before anything was dialled
    const event = new SessionCloseEvent('close', { ...close, willReconnect, unconfirmed, exact: exact && unconfirmed.length > 0 })
    if (!willReconnect) this.#closeEvent = event
    const { current } = this.#links
    if (!willReconnect && current && !this.options.resume) this.#drop(current, false)
    this.#rejectOpened(closeError(event))
    this.#setupAbort?.abort(new Error('the session that this was for is over'))
    this.#isEnding = true
    if (error) this.#emitError(close, error)
    dispatch(this.#socket, event)
    this.#isEnding = false
    for (const entry of unsent) entry.settle?.(closeError(event))
    if (!willReconnect) this.#finish(event, unsent)
  }

  #finish(event: SessionCloseEvent, unsent: readonly OutboxEntry[]): void {
    this.#unwatch?.()
    this.#unheed?.()
    for (const entry of unsent) this.sender.discardedBytes += entry.bytes
    this.#closed?.resolve(event)
    this.#endQueue(event)
  }

  #endQueue(event: SessionCloseEvent): void {
    this.#queue?.end(event.wasClean ? undefined : closeError(event))
  }

  #rejectOpened(error: Error): void {
    this.#opened?.reject(error)
    this.#opened = undefined
  }

  #heed(signal: AbortSignal): void {
    const abort = () => {
      this.machine.abort(this.#now)
      this.#ringSoon()
    }
    this.#unheed = () => signal.removeEventListener('abort', abort)
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort)
  }

  /** A hint is called what the machine calls it. */
  #hinted(hint: Hint): void {
    this.machine[hint](this.#now, this.#clock.wall())
    this.turn()
  }

  #log(level: Level, text: string, close?: CloseInfo, more?: object): void {
    if (this.options.logger) writeLine(this, level, text, { ...close, ...more })
  }

  #emitError(close: CloseInfo, error: Error): void {
    dispatch(this.#socket, new SocketErrorEvent('error', { error, cause: close.cause }))
  }

  #emitDetail(type: string, detail: unknown): void {
    dispatch(this.#socket, new DetailEvent(type, { detail }))
  }

  #isReply(isReply: (data: Received) => boolean, message: Wire): boolean {
    return guarded(() => isReply(received(message, 'arraybuffer'))) === true
  }
}

/** A name for this socket in its sessions: 22 characters of base64url. */
function drawCid(): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return Array.from(crypto.getRandomValues(new Uint8Array(22)), (byte) => alphabet[byte % alphabet.length]).join('')
}

function closeError({ code, reason, cause }: SessionCloseEvent): Error {
  return new Error(`the socket closed with ${code}${reason && ` (${reason})`}: ${cause}`)
}
