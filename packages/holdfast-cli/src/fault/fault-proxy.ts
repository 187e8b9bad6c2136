// A TCP proxy that breaks what passes through it, on demand.
//
// The faults combine: a frozen proxy can also be delayed, cut or made to refuse. `cut` and `reset` act at once on every connection,
// frozen and black-holed ones too. A socket error of either side is a fact to pass on or to log and never leaves the proxy.

import type { Socket } from 'node:net'
import { Connection, type ConnectionObserver } from './connection.ts'
import { coveringDirection, type Direction, directionsOf, type FreezeDirection, freezeDirections } from './direction.ts'
import { type Endpoint, parseEndpoint, portRule, renderEndpoint } from './endpoint.ts'
import { type Fault, type Held, heldWords } from './fault.ts'
import { Gate } from './gate.ts'
import { checkNumber, checkWord } from './option-rule.ts'
import type { FaultEvent, FaultRecord } from './record.ts'
import { type Delay, plainShape, type Shape, withDelay, withLimit, withSlice } from './shape.ts'

export type FaultProxyOptions = {
  /** Where connections go on to: `host:port`, a URL (only its host and port count) or both as an object. */
  readonly upstream: string | Endpoint
  /** The address to listen on. @default '127.0.0.1' */
  readonly host?: string
  /** The port to listen on; 0 takes a free one. @default 0 */
  readonly port?: number
  /** Receives a record of everything that happens. Must not throw. */
  readonly log?: (record: FaultRecord) => void
  /** Numbers in [0, 1), for jitter. @default Math.random */
  readonly random?: () => number
  readonly delay?: Delay
  /** @default 0, which is off */
  readonly slice?: number
  /** @default 0, which is off */
  readonly limit?: number
}

/** Counts since the proxy began to listen. Connections that were refused never reach it and so are not among them. */
export type FaultStats = {
  readonly accepted: number
  readonly unreachable: number
  /** Connections, not calls. */
  readonly cuts: number
  readonly resets: number
  readonly bytesUp: number
  readonly bytesDown: number
  readonly discardedUp: number
  readonly discardedDown: number
}

export class FaultProxy {
  readonly #gate: Gate
  readonly #upstream: Endpoint
  readonly #log: (record: FaultRecord) => void
  readonly #random: () => number
  readonly #connections = new Set<Connection>()
  readonly #frozen = new Set<Direction>()
  readonly #startedAt: number = performance.now()
  readonly #closing = new AbortController()
  readonly #stats: { -readonly [Count in keyof FaultStats]: number } = {
    accepted: 0,
    unreachable: 0,
    cuts: 0,
    resets: 0,
    bytesUp: 0,
    bytesDown: 0,
    discardedUp: 0,
    discardedDown: 0,
  }
  readonly #observer: ConnectionObserver
  #shape: Shape

  /**
   * Starts a proxy.
   *
   * @throws TypeError (as a rejection) when an option is no use, and Error with its `cause` when the port cannot be listened on.
   */
  static async listen(options: FaultProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(options)
    await proxy.#gate.open()
    proxy.#tell({ event: 'listen', host: proxy.host, port: proxy.port, upstream: renderEndpoint(proxy.#upstream) })
    return proxy
  }

  private constructor({ upstream, host = '127.0.0.1', port = 0, log, random, delay, slice, limit }: FaultProxyOptions) {
    if (typeof host !== 'string' || host === '') throw new TypeError(`host must be an address to listen on; got ${JSON.stringify(host)}`)
    this.#upstream = parseEndpoint(upstream)
    this.#gate = new Gate({
      host,
      port: checkNumber('port', port, portRule),
      receiveClient: (client) => this.#receiveClient(client),
      receiveError: (error) => this.#tell({ event: 'error', error: error.message }),
    })
    this.#observer = this.#observe()
    this.#log = log ?? (() => {})
    this.#random = random ?? Math.random
    this.#shape = withLimit(withSlice(withDelay(plainShape, delay), slice), limit)
  }

  get host(): string {
    return this.#gate.host
  }

  /** The port it listens on; the same for its whole life. */
  get port(): number {
    return this.#gate.port
  }

  /** The address as a WebSocket URL. */
  get url(): string {
    return `ws://${renderEndpoint(this)}`
  }

  /** How many connections there are that no fault has ended: open, being dialled, frozen or black-holed. */
  get connections(): number {
    let live = 0
    for (const connection of this.#connections) if (connection.isLive) live += 1
    return live
  }

  get stats(): FaultStats {
    return { ...this.#stats }
  }

  /** How bytes are made to travel now. */
  get shape(): Shape {
    return this.#shape
  }

  /** Aborted when the proxy closes. */
  get signal(): AbortSignal {
    return this.#closing.signal
  }

  /** Ends every connection orderly, with FIN to both sides. Returns how many. */
  cut(): number {
    const hit = this.#endAll((connection) => connection.cut())
    this.#stats.cuts += hit
    this.#tell({ event: 'cut', connections: hit })
    return hit
  }

  /** Breaks every connection, with RST to both sides. Returns how many. */
  reset(): number {
    const hit = this.#endAll((connection) => connection.reset())
    this.#stats.resets += hit
    this.#tell({ event: 'reset', connections: hit })
    return hit
  }

  /**
   * Stops all bytes, FIN and RST included, while sockets stay open. New connections are accepted and as silent; in a freeze both ways
   * the upstream hears nothing of them. A second freeze adds its direction.
   */
  freeze(direction: FreezeDirection = 'both'): void {
    checkWord('direction', direction, freezeDirections)
    for (const each of directionsOf(direction)) this.#frozen.add(each)
    for (const connection of this.#connections) connection.freeze(direction)
    this.#tell({ event: 'freeze', direction, connections: this.connections })
  }

  /**
   * Lets bytes pass again. With `release` what was held goes on in order. With `drop` it is lost, and every connection that there was
   * stays a black hole in the frozen direction until somebody gives it up; connections made from now on are well.
   */
  heal(held: Held = 'release', direction: FreezeDirection = 'both'): void {
    checkWord('held', held, heldWords)
    checkWord('direction', direction, freezeDirections)
    const healed = coveringDirection(new Set(directionsOf(direction).filter((each) => this.#frozen.delete(each))))
    if (healed === undefined) return
    for (const connection of this.#connections) connection.heal(healed, held)
    this.#tell({ event: 'heal', held, direction: healed, connections: this.connections })
  }

  /** Refuses new connections (ECONNREFUSED: the port is closed); those there are live on. Resolves when that is so. */
  async refuse(): Promise<void> {
    if (await this.#gate.shut()) this.#tell({ event: 'refuse' })
  }

  /** Listens again, on the same port. Rejects when another process has taken the port, or the proxy is closed. */
  async accept(): Promise<void> {
    if (await this.#gate.open()) this.#tell({ event: 'accept' })
  }

  /** Lets every chunk wait, in order; also FIN and RST. Chunks already on their way keep their time. Without argument: off. */
  delay(delay?: Delay): void {
    this.#reshape(withDelay(this.#shape, delay))
    this.#tell({ event: 'delay', ms: this.#shape.delayMs, jitter: this.#shape.jitterMs })
  }

  /** Writes at most so many bytes at once, each piece in its own turn of the event loop. 0 or nothing: off. */
  slice(maxBytes?: number): void {
    this.#reshape(withSlice(this.#shape, maxBytes))
    this.#tell({ event: 'slice', maxBytes: this.#shape.maxSliceBytes })
  }

  /** Passes at most so many bytes a second, for each connection and direction. 0 or nothing: off. */
  limit(bytesPerSecond?: number): void {
    this.#reshape(withLimit(this.#shape, bytesPerSecond))
    this.#tell({ event: 'limit', bytesPerSecond: this.#shape.bytesPerSecond })
  }

  /** Does a fault given as data. */
  async apply(fault: Fault): Promise<void> {
    switch (fault.kind) {
      case 'cut':
        return void this.cut()
      case 'reset':
        return void this.reset()
      case 'freeze':
        return this.freeze(fault.direction)
      case 'heal':
        return this.heal(fault.held, fault.direction)
      case 'refuse':
        return this.refuse()
      case 'accept':
        return this.accept()
      case 'delay':
        return this.delay(fault)
      case 'slice':
        return this.slice(fault.maxBytes)
      case 'limit':
        return this.limit(fault.bytesPerSecond)
    }
  }

  /** Ends all connections and gives the port back. Resolves when no socket and no timer is left; can be called again. */
  async close(): Promise<void> {
    const isFirst = !this.signal.aborted
    this.#closing.abort()
    await Promise.all([this.#gate.close(), ...[...this.#connections].map((connection) => connection.close())])
    if (isFirst) this.#tell({ event: 'close' })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #endAll(end: (connection: Connection) => void): number {
    const live = [...this.#connections].filter((connection) => connection.isLive)
    for (const connection of live) end(connection)
    return live.length
  }

  #reshape(shape: Shape): void {
    this.#shape = shape
    for (const connection of this.#connections) connection.reshape(shape)
  }

  #receiveClient(client: Socket): void {
    if (this.signal.aborted) return void client.destroy()
    this.#stats.accepted += 1
    const id = this.#stats.accepted
    this.#tell({
      event: 'connect',
      connection: id,
      from: renderEndpoint({ host: client.remoteAddress ?? '', port: client.remotePort ?? 0 }),
    })
    const connection = new Connection({
      id,
      client,
      upstream: this.#upstream,
      frozen: this.#frozen,
      shape: this.#shape,
      random: this.#random,
      observer: this.#observer,
    })
    this.#connections.add(connection)
  }

  #observe(): ConnectionObserver {
    const stats = this.#stats
    return {
      forwarded: (direction, bytes) => {
        stats[direction === 'up' ? 'bytesUp' : 'bytesDown'] += bytes
      },
      discarded: (direction, bytes) => {
        stats[direction === 'up' ? 'discardedUp' : 'discardedDown'] += bytes
      },
      unreachable: ({ id }, error) => {
        stats.unreachable += 1
        this.#tell({ event: 'unreachable', connection: id, upstream: renderEndpoint(this.#upstream), error })
      },
      closed: (connection, cause) => {
        this.#connections.delete(connection)
        const { id, bytesUp, bytesDown } = connection
        this.#tell({ event: 'disconnect', connection: id, cause, bytesUp, bytesDown })
      },
    }
  }

  #tell(event: FaultEvent): void {
    this.#log({ at: Date.now(), elapsedMs: Math.round(performance.now() - this.#startedAt), ...event })
  }
}
