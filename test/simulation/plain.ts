/**
 * A client without sessions, and a server that knows nothing of them: I15, a plain link carries what was sent and nothing else.
 *
 * The server sends every message back. What is written to a link is compared with what the application sent into it.
 */

import { ClientMachine } from '../../packages/holdfast/src/core/client-machine.ts'
import type { Output } from '../../packages/holdfast/src/core/client-output.ts'
import type { CloseInfo } from '../../packages/holdfast/src/core/close-info.ts'
import type { Payload } from '../../packages/holdfast/src/core/session.ts'
import { claim, type Message, show } from './ledger.ts'
import type { LinkEnd, LinkListener } from './link.ts'
import { drawMessage } from './message.ts'
import type { Random } from './random.ts'
import type { World } from './world.ts'

const echo: LinkListener = {
  name: 'plain server',
  isReading: true,
  isPunctual: false,
  message: (end, payload) => end.send(payload),
  closed: () => undefined,
  drained: () => undefined,
}

export class PlainClient implements LinkListener {
  readonly name = 'plain client'
  readonly isReading = true
  readonly isPunctual = false
  readonly #world: World
  readonly #machine: ClientMachine
  readonly #queued: Message[] = []
  #link = 0
  #end: LinkEnd | undefined
  /** What was written to this link and has not come back. */
  #echoes: unknown[] = []
  #timerAt = Infinity

  constructor(world: World) {
    this.#world = world
    this.#machine = new ClientMachine({ ...world.clientConfig(world.random), isReconnecting: true, hasSetup: false, session: undefined })
  }

  start(): void {
    this.#machine.start(this.#world.now, this.#world.now)
    this.#settle()
  }

  send(random: Random): void {
    const data = drawMessage(this.#world, 'plain', random, false)
    const bytes = typeof data === 'string' ? data.length : data.byteLength
    if (!this.#machine.outbox.hasRoom(bytes)) return
    this.#queued.push(data)
    this.#machine.send({ data, bytes, settle: undefined })
    this.#settle()
  }

  cut(random: Random): void {
    this.#end?.link.break(random)
  }

  /** Dials again if the tries are used up. */
  calm(): void {
    if (this.#machine.state.name === 'suspended') this.#machine.reconnect(this.#world.now, this.#world.now)
    this.#settle()
  }

  message(end: LinkEnd, payload: Payload): void {
    if (end !== this.#end || !this.#machine.heard(this.#world.now, this.#link)) return
    const expected = this.#echoes.shift()
    claim(payload === expected, 'I15', () => `a plain link brings ${show(payload)} for ${show(expected)}`)
    this.#world.counters.count('plain messages echoed')
    this.#settle()
  }

  closed(end: LinkEnd, close: CloseInfo): void {
    if (end !== this.#end) return
    this.#end = undefined
    this.#machine.linkClosed(this.#world.now, this.#link, close, new Error('the link ended'))
    this.#settle()
  }

  drained(): void {
    this.#settle()
  }

  #settle(): void {
    for (let output = this.#machine.poll(); output; output = this.#machine.poll()) this.#perform(output)
    const at = Math.max(this.#machine.deadline, this.#world.now)
    if (at === this.#timerAt) return
    this.#timerAt = at
    if (at < Infinity) this.#world.plan(at, () => this.#ring(at))
  }

  #ring(at: number): void {
    if (at !== this.#timerAt) return
    this.#timerAt = Infinity
    this.#machine.tick(at, at)
    this.#settle()
  }

  #perform(output: Output): void {
    switch (output.kind) {
      case 'dial':
        this.#dial(output.link)
        return
      case 'transmit': {
        const { data } = output.entry
        const expected = this.#queued.shift()
        claim(data === expected, 'I15', () => `a plain link carries ${show(data)} for ${show(expected)}`)
        this.#echoes.push(data)
        this.#end?.send(data as Payload)
        return
      }
      case 'close':
        this.#end?.close(output.code ?? 1005, output.reason)
        return
      case 'drop':
        this.#end?.drop()
        this.#end = undefined
        return
      case 'write':
        claim(false, 'I15', () => `a plain link carries ${show(output.frame)} of the protocol`)
        return
      case 'ping':
        // What the transport's own pings do is not seen here; an answer always comes.
        this.#machine.answered(this.#world.now, output.link, output.ping)
        return
      case 'open':
      case 'end':
      case 'lost':
      case 'resumed':
      case 'failed':
      case 'retry':
      case 'giveup':
      case 'change':
      case 'setup':
        return
    }
  }

  #dial(number: number): void {
    const world = this.#world
    const link = world.join(this, echo)
    this.#link = number
    this.#end = link.client
    this.#echoes = []
    world.plan(world.now + 2 * world.shape.latencyMs, () => {
      if (this.#link !== number || this.#end !== link.client) return
      this.#machine.opened(world.now, world.now, number, link.client, true)
      this.#settle()
    })
  }
}
