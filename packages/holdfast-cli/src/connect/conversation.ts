/** A connection that is talked over: what is sent, what comes, what becomes of its links, and how it ends. */

import type { ReconnectingWebSocket, SessionCloseEvent, State } from 'holdfast'
import type { Colours } from '../colour.ts'
import { type ExitCode, exitCode } from '../exit-code.ts'
import type { LifeEvent } from '../life/event.ts'
import { LinkJournal } from '../life/link-journal.ts'
import { renderNdjson } from '../ndjson.ts'
import { Delivery } from './delivery.ts'
import type { ConnectEvent } from './event.ts'
import { renderLife } from './life-line.ts'
import type { Output } from './output.ts'

export interface ConversationOptions {
  /** Whether sessions outlive their links: then what is uncertain is known when they end. */
  readonly keepsSessions: boolean
  readonly output: Output
  readonly isJson: boolean
  readonly colours: Colours
  /** A message as a line of data. */
  readonly renderMessage: (message: Received) => string
  /** The tries are used up, and nobody dials again until told to. */
  readonly receiveGiveup: () => void
  /** Ends the socket without a goodbye: where no link is there, a session would dial for it. */
  readonly abandon: () => void
}

export type Received = string | Buffer

export interface Pong {
  readonly rttMs: number
  /** Of `performance.now()`. */
  readonly at: number
}

const normalClosure = 1000
const away: readonly State[] = ['connecting', 'waiting', 'suspended']
const encoding = 'base64'

export class Conversation {
  readonly socket: ReconnectingWebSocket
  readonly #options: ConversationOptions
  readonly #journal: LinkJournal
  readonly #delivery = new Delivery()
  /** Aborts when nothing more is to be told. */
  readonly #over = new AbortController()
  readonly #startedAt: number = performance.now()
  readonly #ended: Promise<ExitCode>
  readonly #opened: Promise<void>
  #end: (code: ExitCode) => void = () => {}
  #open: () => void = () => {}
  #state: State = 'idle'
  #dialledAt = 0
  #doubtful = 0
  #unconfirmed = 0
  #unsent = 0
  #announced = 0
  #isUnanswered = false
  #pong: Pong | undefined

  /** @param socket that has not been started */
  constructor(socket: ReconnectingWebSocket, options: ConversationOptions) {
    this.socket = socket
    this.#options = options
    this.#journal = new LinkJournal(socket, (event) => this.#receiveLife(event))
    this.#ended = new Promise((resolve) => (this.#end = resolve))
    this.#opened = new Promise((resolve) => (this.#open = resolve))
  }

  get keepsSessions(): boolean {
    return this.#options.keepsSessions
  }

  /** Aborted at the end. */
  get signal(): AbortSignal {
    return this.#over.signal
  }

  /** Resolves with the first link. */
  get opened(): Promise<void> {
    return this.#opened
  }

  /** The last ping that was answered, on whatever link. */
  get pong(): Pong | undefined {
    return this.#pong
  }

  /** Messages that may not have arrived. */
  get uncertain(): number {
    return this.#delivery.uncertain + this.#unconfirmed
  }

  /** Whether the peer has not answered our goodbye: what it still had to say may be missing. */
  get isUnanswered(): boolean {
    return this.#isUnanswered
  }

  /** Messages that never left, or are known not to have arrived. */
  get unsent(): number {
    return this.#unsent + this.#announced
  }

  /** So many messages will be sent: what never comes to it counts as unsent. */
  announce(count: number): void {
    this.#announced += count
  }

  /** Ends it in order: `run` resolves with this code once the link is closed. The first call counts. */
  end(code: ExitCode): void {
    this.#end(code)
  }

  /** @param verdict the exit code, of how it ended */
  async run(verdict: (ended: ExitCode) => ExitCode): Promise<ExitCode> {
    const { socket } = this
    socket.binaryType = 'arraybuffer'
    // Before the journal's, which tells of the loss: what it says depends on these.
    socket.addEventListener('open', () => this.#delivery.sent(performance.now()))
    socket.addEventListener('close', (event) => this.#receiveClose(event))
    const unsubscribe = socket.subscribe(() => this.#receiveStatus())
    this.#journal.watch(this.signal)
    const reading = this.#read()
    socket.start()
    const ended = await this.#ended
    this.#leave()
    await socket.closed
    await reading
    unsubscribe()
    const code = verdict(ended)
    this.#tell({ event: 'end', exitCode: code, uncertain: this.uncertain, unsent: this.unsent, stats: socket.stats })
    this.#over.abort()
    return code
  }

  /** Resolves when it has left (in a session: when it has arrived), or when it is known that it never will. */
  async send(text: string): Promise<void> {
    this.#delivery.sent(performance.now())
    this.#announced = Math.max(0, this.#announced - 1)
    try {
      const fate = await this.socket.sendAsync(text)
      this.#tell({ event: fate === 'written' ? 'sent' : fate, data: text })
    } catch (error) {
      // Of a link or a session that died with it, `close` tells; a socket that is closed for good has not taken it at all.
      if ((error as Error).name === 'InvalidStateError') this.#unsent++
    }
  }

  #leave(): void {
    const { keepsSessions, abandon } = this.#options
    if (keepsSessions && away.includes(this.socket.status.state)) abandon()
    else this.socket.close(normalClosure)
  }

  async #read(): Promise<void> {
    const { output, isJson, renderMessage } = this.#options
    try {
      for await (const data of this.socket) {
        const message = typeof data === 'string' ? data : Buffer.from(data as ArrayBuffer)
        await output.data(isJson ? this.#record(messageEvent(message)) : renderMessage(message))
      }
    } catch {
      // An unclean end, which the events have told.
    }
  }

  #receiveClose({ wasClean, cause, unconfirmed, exact }: SessionCloseEvent): void {
    const { keepsSessions } = this.#options
    this.#doubtful = 0
    if (!keepsSessions) this.#doubtful = this.#delivery.ended(wasClean, this.socket.stats.sent)
    else if (!exact) {
      this.#doubtful = unconfirmed.length
      this.#unconfirmed += unconfirmed.length
    }
    if (exact || !keepsSessions) this.#unsent += unconfirmed.length
    if (keepsSessions && cause === 'client' && !wasClean) this.#isUnanswered = true
  }

  #receiveStatus(): void {
    const { state } = this.socket.status
    if (state === 'connecting' && this.#state !== state) this.#dialledAt = performance.now()
    this.#state = state
  }

  #receiveLife(event: LifeEvent): void {
    const now = performance.now()
    switch (event.event) {
      case 'open':
        this.#open()
        this.#tell({
          ...event,
          url: this.socket.url,
          handshakeMs: now - this.#dialledAt,
          rttMs: this.socket.status.rtt,
          subprotocol: this.socket.protocol,
        })
        return
      case 'lost':
        this.#tell({ ...event, uncertain: event.session ? 0 : this.#doubtful })
        return
      case 'failed':
        this.#tell({ ...event, unacknowledged: this.socket.stats.unackedMessages })
        return
      case 'resumed':
      case 'ended':
        this.#tell(event)
        return
      case 'pong':
        this.#pong = { rttMs: event.rttMs, at: now }
        this.#delivery.answered(now, event.rttMs, this.socket.stats.sent)
        this.#tell(event)
        return
      case 'giveup':
        this.#tell(event)
        this.#options.receiveGiveup()
        return
      case 'closed':
        this.#tell({ ...event, uncertain: this.#doubtful })
        this.end(codeOf(event))
        return
    }
  }

  #tell(event: ConnectEvent): void {
    const { output, isJson, colours } = this.#options
    if (isJson) void output.data(this.#record(event))
    const line = isJson ? undefined : renderLife(event, colours)
    if (line !== undefined) output.words(line)
  }

  #record(event: ConnectEvent): string {
    return renderNdjson({ at: Date.now(), elapsedMs: performance.now() - this.#startedAt, ...event })
  }
}

function messageEvent(message: Received): ConnectEvent {
  return typeof message === 'string' ? { event: 'message', data: message } : { event: 'message', base64: message.toString(encoding) }
}

function codeOf({ code, cause, httpStatus }: Extract<LifeEvent, { event: 'closed' }>): ExitCode {
  if (httpStatus !== undefined) return exitCode.refused
  return cause === 'client' || (cause === 'server' && code === normalClosure) ? exitCode.ok : exitCode.lost
}
