// The two transports that Node has, and both classes over each of them.

import type { TestContext } from 'node:test'
import {
  ReconnectingWebSocket as Reconnecting,
  type ReconnectingWebSocketOptions,
  WebSocket as Strict,
  type WebSocketOptions,
} from 'holdfast'
import { EventRecord, soon } from './record.ts'

type StrictUrl = ConstructorParameters<typeof Strict>[0]
type StrictProtocols = ConstructorParameters<typeof Strict>[1]
type Url = ConstructorParameters<typeof Reconnecting>[0]
type Protocols = ConstructorParameters<typeof Reconnecting>[1]

export interface Recorded<S extends Strict> {
  readonly socket: S
  readonly record: EventRecord
}

/** Waits for ever between dials, as far as a test is concerned: what follows an end can be looked at in peace. */
export const patient = { jitter: 'none', minDelay: 600_000, maxDelay: 600_000 } as const
/** Dials again at once. */
export const hasty = { jitter: 'none', minDelay: 1, maxDelay: 1 } as const

export class Transport {
  readonly name: string
  /** Pings, the HTTP answer of a refusal and reading that can be paused are there. */
  readonly isWs: boolean
  readonly #options: Pick<WebSocketOptions, 'WebSocket'>

  constructor(name: string, options: Pick<WebSocketOptions, 'WebSocket'>) {
    this.name = name
    this.isWs = options.WebSocket === undefined
    this.#options = options
  }

  /** A strict socket that the test closes at its end. */
  strict(t: TestContext, url: StrictUrl, options: WebSocketOptions = {}, protocols?: StrictProtocols): Recorded<Strict> {
    if (this.isWs) return recorded(t, new Strict(url, protocols, options))
    const Bound = Strict.with({ ...this.#options, ...options })
    return recorded(t, new Bound(url, protocols))
  }

  /** A reconnecting socket that the test closes at its end. */
  reconnecting(t: TestContext, url: Url, options: ReconnectingWebSocketOptions = {}, protocols?: Protocols): Recorded<Reconnecting> {
    return recorded(t, new Reconnecting(url, protocols, { ...this.#options, ...options }))
  }
}

export function recorded<S extends Strict>(t: TestContext, socket: S): Recorded<S> {
  t.after(async () => {
    socket.close()
    await soon(socket.closed, `the end of the socket of “${t.name}”`)
  })
  return { socket, record: new EventRecord(socket) }
}

export const ws: Transport = new Transport('ws', {})
export const web: Transport = new Transport('the WebSocket of the platform', { WebSocket: globalThis.WebSocket })
export const transports: readonly Transport[] = [ws, web]
