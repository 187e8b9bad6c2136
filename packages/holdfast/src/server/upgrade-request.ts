/**
 * What is kept of the request with which a connection began.
 *
 * Node's own object holds more than a kilobyte: a stream that has ended, and headers that are the same for thousands of clients. Those that
 * are alike are kept once, and the key of the handshake, which is never alike, is nobody's business any more.
 */

import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { closedSocket, type Whereabouts } from './whereabouts.ts'

/** What a request line and its headers said. */
export interface Head {
  readonly method: string
  readonly url: string
  readonly httpVersion: string
  readonly rawHeaders: readonly string[]
}

/** What Node's parser tells a message. */
interface ParserSide {
  _addHeaderLines(rawHeaders: string[], count: number): void
}

const leftOut = 'sec-websocket-key'
/** Whose values are never alike, and not to be kept for longer than their connection. */
const secret: readonly string[] = ['cookie', 'authorization']
/** What the heads that are kept once may have, in characters. The oldest make room. */
const poolLength = 256 * 1024
const pool = new Map<string, Head>()
let pooledLength = 0

/** The upgrade of a connection, as far as it is of use afterwards. */
export class UpgradeRequest {
  readonly #head: Head
  #socket: Socket | Whereabouts

  constructor(head: Head, socket: Socket | Whereabouts) {
    this.#head = head
    this.#socket = socket
  }

  /** The connection's; once that is gone, one that is closed and shows the same addresses. */
  get socket(): Socket {
    const kept = this.#socket
    const socket = kept instanceof Duplex ? kept : closedSocket(kept)
    this.#socket = socket
    return socket
  }
  /** Where the connection leads, or led. */
  get whereabouts(): Whereabouts {
    return this.#socket as Whereabouts
  }
  /** The connection is gone. */
  release(where: Whereabouts): void {
    this.#socket = where
  }

  get method(): string {
    return this.#head.method
  }
  get url(): string {
    return this.#head.url
  }
  get httpVersion(): string {
    return this.#head.httpVersion
  }
  /** Names and values in turn, as they came, but for `Sec-WebSocket-Key`. */
  get rawHeaders(): readonly string[] {
    return this.#head.rawHeaders
  }
  /** Read by Node's rules: names in lower case, what came twice joined. */
  get headers(): IncomingMessage['headers'] {
    const { rawHeaders } = this.#head
    const message = new IncomingMessage(new Socket()) as IncomingMessage & ParserSide
    message._addHeaderLines([...rawHeaders], rawHeaders.length)
    return message.headers
  }
}

export function headOf(request: IncomingMessage): Head {
  const { method = '', url = '', httpVersion, rawHeaders } = request
  const kept: string[] = []
  let isSecret = false
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!.toLowerCase()
    if (name === leftOut) continue
    isSecret ||= secret.includes(name)
    kept.push(rawHeaders[index]!, rawHeaders[index + 1]!)
  }
  const own = { method, url, httpVersion, rawHeaders: kept }
  if (isSecret) return own
  const key = [method, url, httpVersion, ...kept].join('\n')
  const known = pool.get(key)
  if (known) return known
  pool.set(key, own)
  pooledLength += key.length
  for (const oldest of pool.keys()) {
    if (pooledLength <= poolLength) break
    pool.delete(oldest)
    pooledLength -= oldest.length
  }
  return own
}
