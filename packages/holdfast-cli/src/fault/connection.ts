// One client and its way to the upstream: two sockets, two flows.
//
//   silent ──▶ dialling ──▶ dialled ──▶ ending ──▶ closed      any state may skip ahead
//
// Silent: it came during a freeze both ways, so nothing was dialled; the client sees an accepted connection which says nothing.
// Dialled: the upstream answered or refused; either way the flows pass on what there is to pass on.
// Ending: it was cut; both sides were sent FIN and have `lingerMs` to answer with theirs. Broken: its sockets are being destroyed.

import { Socket } from 'node:net'
import { type Direction, directionsOf, type FreezeDirection } from './direction.ts'
import type { Endpoint } from './endpoint.ts'
import type { Held } from './fault.ts'
import { Flow } from './flow.ts'
import type { DisconnectCause } from './record.ts'
import type { Shape } from './shape.ts'
import { isUndialled, resetSocket } from './socket-reset.ts'

/** What a connection tells about itself. */
export type ConnectionObserver = {
  forwarded(direction: Direction, bytes: number): void
  discarded(direction: Direction, bytes: number): void
  unreachable(connection: Connection, error: string): void
  closed(connection: Connection, cause: DisconnectCause): void
}

export type ConnectionOptions = {
  readonly id: number
  readonly client: Socket
  readonly upstream: Endpoint
  readonly frozen: ReadonlySet<Direction>
  readonly shape: Shape
  readonly random: () => number
  readonly observer: ConnectionObserver
}

type ConnectionState =
  | { readonly name: 'silent' }
  | { readonly name: 'dialling' }
  | { readonly name: 'dialled' }
  | { readonly name: 'ending'; readonly timer: NodeJS.Timeout }
  | { readonly name: 'broken' }
  | { readonly name: 'closed' }

type StateName = ConnectionState['name']

const legal: Readonly<Record<StateName, readonly StateName[]>> = {
  silent: ['dialling', 'ending', 'broken', 'closed'],
  dialling: ['dialled', 'ending', 'broken', 'closed'],
  dialled: ['ending', 'broken', 'closed'],
  ending: ['broken', 'closed'],
  broken: ['closed'],
  closed: [],
}

const lingerMs = 1000

export class Connection {
  readonly id: number
  readonly #client: Socket
  readonly #upstream: Socket = new Socket({ allowHalfOpen: true })
  readonly #endpoint: Endpoint
  readonly #observer: ConnectionObserver
  readonly #flows: Readonly<Record<Direction, Flow>>
  readonly #frozen: Set<Direction>
  readonly #passed: Record<Direction, number> = { up: 0, down: 0 }
  #state: ConnectionState = { name: 'silent' }
  /** The first thing that ended it; nothing overwrites it. */
  #cause: DisconnectCause | undefined

  constructor({ id, client, upstream, frozen, shape, random, observer }: ConnectionOptions) {
    this.id = id
    this.#client = client
    this.#endpoint = upstream
    this.#observer = observer
    this.#frozen = new Set(frozen)
    const flow = (direction: Direction, source: Socket, destination: Socket): Flow =>
      new Flow({ source, destination, shape, random, observer: this.#observe(direction) })
    this.#flows = { up: flow('up', this.#client, this.#upstream), down: flow('down', this.#upstream, this.#client) }
    this.#listen('up', this.#client)
    this.#listen('down', this.#upstream)
    this.#upstream.on('connect', () => this.#receiveDialled())
    this.#upstream.on('close', () => this.#receiveDialled())
    this.#dialUnlessSilenced()
  }

  /** It was not ended by a fault and a socket of it is left. */
  get isLive(): boolean {
    switch (this.#state.name) {
      case 'silent':
      case 'dialling':
      case 'dialled':
        return true
      case 'ending':
      case 'broken':
      case 'closed':
        return false
    }
  }

  get bytesUp(): number {
    return this.#passed.up
  }

  get bytesDown(): number {
    return this.#passed.down
  }

  freeze(covered: FreezeDirection): void {
    for (const direction of directionsOf(covered)) {
      this.#frozen.add(direction)
      this.#flows[direction].hold()
    }
  }

  heal(covered: FreezeDirection, held: Held): void {
    const healed = directionsOf(covered).filter((direction) => this.#frozen.delete(direction))
    if (held === 'drop') for (const direction of healed) this.#flows[direction].lose()
    if (this.#state.name === 'silent') this.#dialUnlessSilenced()
    else if (this.#state.name === 'dialled') for (const direction of healed) this.#flows[direction].release()
  }

  reshape(shape: Shape): void {
    this.#flows.up.reshape(shape)
    this.#flows.down.reshape(shape)
  }

  /** FIN to both sides; what was still on its way in the proxy is lost. */
  cut(): void {
    this.#stop('cut')
    this.#become({ name: 'ending', timer: setTimeout(() => this.#destroy(), lingerMs) })
    this.#client.end()
    if (isUndialled(this.#upstream)) this.#upstream.destroy()
    else this.#upstream.end()
  }

  /** RST to both sides. */
  reset(): void {
    this.#stop('reset')
    this.#become({ name: 'broken' })
    resetSocket(this.#client)
    resetSocket(this.#upstream)
  }

  /** Resolves when both sockets are closed. */
  async close(): Promise<void> {
    this.#stop('close')
    if (this.#state.name !== 'broken') this.#become({ name: 'broken' })
    this.#destroy()
    await Promise.all([whenClosed(this.#client), whenClosed(this.#upstream)])
  }

  #dialUnlessSilenced(): void {
    if (this.#frozen.size === 2) return
    // Nobody will ever dial for a connection that the network forgot; without this its unused half would never count as over.
    if (this.#flows.up.isLost && this.#flows.down.isLost) return void this.#upstream.destroy()
    this.#become({ name: 'dialling' })
    this.#upstream.setNoDelay(true).connect(this.#endpoint)
  }

  #receiveDialled(): void {
    if (this.#state.name !== 'dialling') return
    this.#become({ name: 'dialled' })
    // A frozen flow does not read; this lets the socket notice all the same that the upstream went away.
    this.#upstream.read(0)
    for (const direction of directionsOf('both')) if (!this.#frozen.has(direction)) this.#flows[direction].release()
  }

  #listen(direction: Direction, source: Socket): void {
    const outwards = this.#flows[direction]
    const inwards = this.#flows[direction === 'up' ? 'down' : 'up']
    const side = direction === 'up' ? 'client' : 'upstream'
    source.on('data', (bytes) => outwards.receive(bytes))
    source.on('drain', () => inwards.receiveDrain())
    source.on('end', () => {
      this.#cause ??= `${side}-fin`
      outwards.receiveFin()
    })
    source.on('error', (error) => {
      if (source === this.#upstream && this.#state.name === 'dialling') this.#receiveUnreachable(error)
    })
    source.on('close', (hadError) => {
      if (hadError || !source.readableEnded) {
        this.#cause ??= `${side}-reset`
        if (this.isLive) outwards.receiveReset()
      }
      inwards.lose()
      this.#settle()
    })
  }

  #receiveUnreachable(error: Error): void {
    this.#cause ??= 'upstream-unreachable'
    this.#observer.unreachable(this, 'code' in error ? String(error.code) : error.message)
  }

  #observe(direction: Direction): { forwarded(bytes: number): void; discarded(bytes: number): void; over(): void } {
    return {
      forwarded: (bytes) => {
        this.#passed[direction] += bytes
        this.#observer.forwarded(direction, bytes)
      },
      discarded: (bytes) => this.#observer.discarded(direction, bytes),
      over: () => this.#settle(),
    }
  }

  /** Lets sockets go that nothing will end any more, and tells when both are gone. */
  #settle(): void {
    if (this.#state.name === 'closed') return
    if (this.#state.name === 'silent' && this.#client.closed) this.#upstream.destroy()
    const { up, down } = this.#flows
    if (up.isOver && down.isOver) {
      if (up.isLost) this.#upstream.destroy()
      if (down.isLost) this.#client.destroy()
    }
    if (!this.#client.closed || !this.#upstream.closed) return
    this.#become({ name: 'closed' })
    this.#observer.closed(this, this.#cause ?? 'close')
  }

  #stop(cause: DisconnectCause): void {
    this.#cause ??= cause
    this.#flows.up.finish()
    this.#flows.down.finish()
  }

  #destroy(): void {
    this.#client.destroy()
    this.#upstream.destroy()
  }

  #become(next: ConnectionState): void {
    if (!legal[this.#state.name].includes(next.name)) throw new Error(`a connection cannot go from ${this.#state.name} to ${next.name}`)
    if (this.#state.name === 'ending') clearTimeout(this.#state.timer)
    this.#state = next
  }
}

const whenClosed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => (socket.closed ? resolve() : socket.once('close', () => resolve())))
