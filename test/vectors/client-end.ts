/** A client machine, its shell and its application, as a conversation drives them. */

import { type ClientConfig, ClientMachine } from '../../packages/holdfast/src/core/client-machine.ts'
import type { Output } from '../../packages/holdfast/src/core/client-output.ts'
import type { CloseInfo } from '../../packages/holdfast/src/core/close-info.ts'
import { type Close, Gauge, type Given, type Message, toEntry, toMessage, toPayload } from './given.ts'
import { Journal } from './journal.ts'

const epoch = 1_700_000_000_000
const outbox = { maxBytes: 4 * 1024 * 1024, maxMessages: 10_000 }

/** A link as the conversation numbers it. */
interface KnownLink {
  readonly number: number
  readonly gauge: Gauge
  /** Its close was said; letting go of it says nothing more. */
  isParting: boolean
}

export class ClientEnd {
  readonly name = 'client'
  readonly machine: ClientMachine
  readonly journal: Journal = new Journal()
  now = 0
  /** By the machine's number, the link's. */
  readonly #links = new Map<number, KnownLink>()

  constructor(given: Given, config: Partial<ClientConfig> = {}) {
    this.machine = new ClientMachine({
      isReconnecting: given.reconnects,
      retry: { minDelay: given.backoff, maxDelay: 30_000, factor: 2, jitter: 'none', maxRetries: Infinity, stableAfter: 30_000 },
      liveness: { interval: given.ping, timeout: given.dead - given.ping, writeTimeout: 10_000 },
      connectTimeout: 10_000,
      closeTimeout: given.closeTimeout,
      outbox,
      hasSetup: false,
      canRefresh: false,
      random: () => given.random,
      session: { cid: given.cid, maxLinkAge: Infinity, mayMove: (url) => given.follows.includes(url) },
      ...config,
    })
    this.machine.start(this.now, epoch)
    this.settle()
  }

  get deadline(): number {
    return this.machine.deadline
  }

  tick(now: number): void {
    this.now = now
    this.machine.tick(now, epoch + now)
    this.settle()
  }

  open(link: number, dialled: number, doesSpeak: boolean): void {
    const gauge = new Gauge()
    this.#links.set(dialled, { number: link, gauge, isParting: false })
    this.machine.opened(this.now, epoch + this.now, dialled, gauge, true, doesSpeak)
    this.settle()
  }

  /** A dial came to nothing. */
  fail(dialled: number): void {
    const close: CloseInfo = { code: 1006, reason: '', wasClean: false, cause: 'network' }
    this.machine.linkClosed(this.now, dialled, close, new Error('the dial failed'))
    this.settle()
  }

  receive(link: number, frame: Message): void {
    const found = this.#find(link)
    if (!found) return
    const [dialled, { gauge }] = found
    const payload = toPayload(frame)
    gauge.bytesRead += Buffer.byteLength(payload)
    const data = this.machine.receive(this.now, epoch + this.now, dialled, payload)
    if (data !== undefined) this.journal.write('application', { delivered: toMessage(data) })
    this.settle()
  }

  closed(link: number, close: CloseInfo): void {
    const found = this.#find(link)
    if (!found) return
    this.#links.delete(found[0])
    this.machine.linkClosed(this.now, found[0], close, new Error('the link ended'))
    this.settle()
  }

  send(message: Message): void {
    this.machine.submit(this.now, toEntry(message))
    this.settle()
  }

  close({ code, reason }: Close): void {
    this.machine.close(this.now, epoch + this.now, code, reason)
    this.settle()
  }

  #find(link: number): [number, KnownLink] | undefined {
    return [...this.#links].find(([, each]) => each.number === link)
  }

  settle(): void {
    const { machine } = this
    for (;;) {
      for (let frame = machine.nextFrame(this.now); frame !== undefined; frame = machine.nextFrame(this.now)) this.#writeSession(frame)
      const output = machine.poll()
      if (!output) return
      this.#perform(output)
    }
  }

  #writeSession(frame: unknown): void {
    const gauge = this.machine.held!.session.gauge
    const link = [...this.#links.values()].find((each) => each.gauge === gauge)
    this.#write(link!.number, frame)
  }

  #write(link: number, frame: unknown): void {
    this.journal.write(`link ${link}`, { frame: toMessage(frame) })
  }

  #perform(output: Output): void {
    switch (output.kind) {
      case 'dial':
        this.journal.write('dial', { link: output.link, isResuming: output.isResuming, url: output.url })
        return
      case 'write':
        this.#write(this.#links.get(output.link)!.number, output.frame)
        return
      case 'close':
        this.#part(output.link, { close: output.code, reason: output.reason })
        return
      case 'drop':
        this.#part(output.link, { drop: true })
        this.#links.delete(output.link)
        return
      case 'open':
        this.journal.write('application', { opened: { proto: this.machine.held!.proto } })
        return
      case 'end': {
        const { code, reason, wasClean } = output.close
        const unconfirmed = output.unsent.map((entry) => toMessage(entry.data))
        this.journal.write('application', { ended: { code, reason, wasClean, unconfirmed } })
        return
      }
      case 'setup':
        this.machine.settled(output.link)
        return
      case 'change':
      case 'failed':
      case 'lost':
      case 'resumed':
      case 'retry':
      case 'giveup':
        return
      case 'transmit':
      case 'ping':
        throw new Error(`a client of sessions says ${output.kind}`)
    }
  }

  #part(dialled: number, event: object): void {
    const link = this.#links.get(dialled)
    if (!link || link.isParting) return
    link.isParting = true
    this.journal.write(`link ${link.number}`, event)
  }
}
