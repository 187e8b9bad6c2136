/** The part of a server that takes links for sessions: `ws` does the handshake, with the terms of the protocol, and speaks in the server's name. */

import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type ServerOptions, WebSocketServer as WsServer } from 'ws'
import { maxControlBytes } from '../core/control.ts'
import { type Offer, readOffer, readProtocols, withoutReserved } from './offer.ts'
import { LinkSocket } from './session-link.ts'

/** The server in whose name it speaks. */
export interface Represented {
  emit(event: string | symbol, ...details: any[]): boolean
  listenerCount(event: string | symbol): number
  shouldHandle(request: IncomingMessage): boolean | Promise<boolean>
}

/** One more for the escape of a text, and in any case a whole control frame with its mark and letter. */
const escapeBytes = 1
const markBytes = 2

type HandleProtocols = NonNullable<ServerOptions['handleProtocols']>

export class LinkServer extends WsServer<typeof LinkSocket> {
  readonly #server: Represented
  /** What was chosen in the handshake that is under way: it is taken in the same step. */
  readonly #chosen: { proto: string }
  readonly #choose: HandleProtocols | undefined

  /** @param maxMessageBytes 0: no limit @param choose the application's `handleProtocols` */
  constructor(server: Represented, options: ServerOptions, maxMessageBytes: number, choose: HandleProtocols | undefined) {
    const chosen = { proto: '' }
    super({
      ...(options as object),
      port: undefined,
      server: undefined,
      noServer: true,
      clientTracking: false,
      WebSocket: LinkSocket,
      maxPayload: maxMessageBytes === 0 ? 0 : Math.max(maxMessageBytes + escapeBytes, maxControlBytes + markBytes),
      perMessageDeflate: withoutTakeover(options.perMessageDeflate),
      handleProtocols: (protocols, request) => {
        const { token, isResuming } = readOffer(request)!
        if (!isResuming) chosen.proto = chooseProto(withoutReserved(protocols), request, choose)
        return token
      },
    })
    this.#server = server
    this.#chosen = chosen
    this.#choose = choose
  }

  /** The application's subprotocol for a session that begins on a link which was granted for another. */
  chooseLater(request: IncomingMessage): string {
    return chooseProto(withoutReserved(readProtocols(request)), request, this.#choose)
  }

  take(request: IncomingMessage, socket: Duplex, head: Buffer, offer: Offer, taken: (ws: LinkSocket, proto: string) => void): void {
    const opened = (ws: LinkSocket) => {
      try {
        taken(ws, offer.isResuming ? '' : this.#chosen.proto)
      } finally {
        socket.uncork()
      }
    }
    socket.cork() // the welcome leaves with the answer; a refusal ends the socket, which uncorks it
    try {
      super.handleUpgrade(request, socket, head, opened)
    } catch (error) {
      socket.uncork()
      throw error
    }
  }

  override shouldHandle(request: IncomingMessage): boolean | Promise<boolean> {
    return this.#server.shouldHandle(request)
  }

  /** `headers` and `wsClientError` are the server's; `close` is nobody's. */
  override emit(event: string | symbol, ...details: any[]): boolean {
    return event !== 'close' && this.#server.emit(event, ...details)
  }

  override listenerCount(event: string | symbol): number {
    return this.#server.listenerCount(event)
  }
}

/** Without a choice of the application's the first is taken, as `ws` does. */
export function chooseProto(protocols: Set<string>, request: IncomingMessage, choose: HandleProtocols | undefined): string {
  if (protocols.size === 0) return ''
  return (choose ? choose(protocols, request) : protocols.values().next().value) || ''
}

/** The client compresses each message for itself, so that the server keeps no window for it. */
function withoutTakeover(given: ServerOptions['perMessageDeflate']): ServerOptions['perMessageDeflate'] {
  if (!given) return false
  return { ...(given === true ? {} : given), clientNoContextTakeover: true }
}
