/**
 * The way out: a message goes to the link at once, to the session, or into the queue for a link or session to come. What does not fit, or is
 * too large for the other end, is refused here.
 */

import type { ClientMachine } from '../core/client-machine.ts'
import type { OutboxEntry } from '../core/outbox.ts'
import { byteLength, type Data, snapshot } from './data.ts'
import type { Link } from './link.ts'
import type { ResolvedOptions } from './options.ts'
import { Room } from './room.ts'

export interface SenderOwner {
  readonly options: ResolvedOptions
  readonly machine: ClientMachine
  readonly readyState: number
  /** Whether nothing that is sent can leave any more. */
  readonly isDiscarding: boolean
  /** The link that takes messages, where there is one. */
  readonly link: Link | undefined
  /** Whether the outputs of the machine are being carried out. */
  readonly isDraining: boolean
  /** Whether somebody has to hear of each change of the status. */
  readonly isWatched: boolean
  /** When the timer rings at the latest. */
  readonly ringsAt: number
  readonly turnNow: number
  turn(): void
  turnLater(): void
}

/** UTF-8 never needs more for a UTF-16 unit. */
const bytesPerUnit = 3

export class Sender {
  readonly #owner: SenderOwner
  /** Messages handed to a link or to a session. */
  sent = 0
  /** Bytes of messages that came too late, or that nobody has taken in the end. */
  discardedBytes = 0
  #blockedLink: Link | undefined
  #room: Room | undefined

  constructor(owner: SenderOwner) {
    this.#owner = owner
  }

  /** As the standard has it: with those that nobody will take any more. */
  get bufferedAmount(): number {
    const { machine, link } = this.#owner
    const pendingBytes = machine.held?.session.pendingBytes ?? 0
    return this.discardedBytes + machine.outbox.bytes + pendingBytes + (link?.bufferedAmount ?? 0)
  }

  send(data: Data): void {
    const { machine } = this.#owner
    if (machine.canTransmit) {
      const link = this.#owner.link!
      if (this.#fitsLink(link, data)) this.transmit(data, undefined)
      else this.#overflow(link.backlog)
      return
    }
    const bytes = byteLength(data)
    if (machine.canSubmit) {
      this.checkSize(bytes)
      const { outbox } = machine.held!.session
      if (outbox.hasRoom(bytes)) this.submit({ data: snapshot(data), bytes, settle: undefined })
      else this.#overflow(outbox.bytes)
    } else if (this.#owner.isDiscarding) this.discardedBytes += bytes
    else if (machine.outbox.hasRoom(bytes)) this.#enqueue({ data: snapshot(data), bytes, settle: undefined })
    else this.#overflow(machine.outbox.bytes)
  }

  /** Waits for room, and then for the peer or, on a plain link, until the bytes have left. */
  async sendAsync(data: Data, signal: AbortSignal | undefined): Promise<'acknowledged' | 'written'> {
    signal?.throwIfAborted()
    const owned = snapshot(data)
    const bytes = byteLength(owned)
    this.checkSize(bytes)
    const { machine, options } = this.#owner
    while (!this.#owner.isDiscarding && !this.#hasRoom(owned, bytes)) await (this.#room ??= new Room()).wait(signal)
    if (this.#owner.isDiscarding) throw new DOMException('the socket is closed; nothing more can be sent', 'InvalidStateError')
    await new Promise<void>((resolve, reject) => {
      const entry: OutboxEntry = {
        data: owned,
        bytes,
        settle: (error) => {
          signal?.removeEventListener('abort', takeBack)
          if (error) reject(error)
          else resolve()
          this.wake()
        },
      }
      const takeBack = () => {
        if (!machine.outbox.remove(entry)) return
        reject(signal?.reason)
        this.#owner.turnLater()
      }
      signal?.addEventListener('abort', takeBack, { once: true })
      if (machine.canTransmit) this.transmit(owned, entry.settle)
      else if (machine.canSubmit) this.submit(entry)
      else this.#enqueue(entry)
      if (options.resume) queueMicrotask(() => this.#ask())
    })
    return options.resume ? 'acknowledged' : 'written'
  }

  /** Hands a message to the link. */
  transmit(data: Data, settle: OutboxEntry['settle']): void {
    const { link, machine, turnNow, ringsAt } = this.#owner
    this.sent++
    link!.send(data, settle)
    machine.sent(turnNow)
    if (machine.deadline < ringsAt) this.#owner.turnLater()
  }

  /** Gives a message to the session, and to its link if nothing goes before it; what is left to do is done when the turn ends. */
  submit(entry: OutboxEntry): void {
    const { machine, turnNow } = this.#owner
    this.sent++
    machine.submit(turnNow, entry)
    const frame = this.#owner.isDraining ? undefined : machine.nextFrame(turnNow)
    if (frame !== undefined) this.#owner.link!.send(frame as Data)
    if (this.#owner.isWatched || !machine.held?.session.isAllWritten) this.#owner.turnLater()
  }

  /** Writes what the session has for its link; what waits behind the backlog goes on when that has left. */
  write(): void {
    const { machine, turnNow, link } = this.#owner
    for (let frame = machine.nextFrame(turnNow); frame !== undefined; frame = machine.nextFrame(turnNow)) link!.send(frame as Data)
    if (this.#blockedLink === link || !link?.isOpen || !machine.held?.session.pendingBytes) return
    this.#blockedLink = link
    link.whenDrained(() => {
      if (this.#blockedLink === link) this.#blockedLink = undefined
      this.#owner.turn()
    })
  }

  /** A message that the server would not take is refused here: it would end the session there. */
  checkSize(bytes: number): void {
    const max = this.#owner.machine.held?.max ?? Infinity
    if (bytes <= max) return
    throw new DOMException(`a message of ${bytes} bytes is above what the server takes (${max}); send it in parts`, 'QuotaExceededError')
  }

  /** There may be room for more. */
  wake(): void {
    this.#room?.wake()
  }

  #ask(): void {
    this.#owner.machine.held?.session.ask()
    this.#owner.turnLater()
  }

  #enqueue(entry: OutboxEntry): void {
    this.#owner.machine.send(entry)
    this.#owner.turnLater()
  }

  #fitsLink({ backlog }: Link, data: Data): boolean {
    const { maxBytes } = this.#owner.options.outbox
    const most = typeof data === 'string' ? bytesPerUnit * data.length : byteLength(data)
    return backlog === 0 || backlog + most <= maxBytes || backlog + byteLength(data) <= maxBytes
  }

  #hasRoom(data: Data, bytes: number): boolean {
    const { machine, link } = this.#owner
    if (machine.canTransmit) return this.#fitsLink(link!, data)
    return (machine.canSubmit ? machine.held!.session.outbox : machine.outbox).hasRoom(bytes)
  }

  /** The application sends more than the bound: an open session ends, as the standard's "full"; without one the message is refused. */
  #overflow(heldBytes: number): void {
    const { machine, options, readyState, turnNow } = this.#owner
    const { maxBytes, maxMessages, overflow } = options.outbox
    const { length } = machine.held?.session.outbox ?? machine.outbox
    const text = `${heldBytes} unsent bytes in ${length} queued messages leave no room within outbox.maxBytes (${maxBytes}) and outbox.maxMessages (${maxMessages}); raise them or await sendAsync()`
    if (overflow === 'throw' || readyState !== 1) throw new DOMException(text, 'QuotaExceededError')
    machine.overflow(turnNow, new Error(text))
    this.#owner.turnLater()
  }
}
