/**
 * A socket of `ws`, or, for a session, one without its fields.
 *
 * A session has no use for what the constructor of `ws` writes into each socket: it would be a quarter of a kilobyte. What is written there stands
 * on the prototype instead, as the `ws` at hand writes it, so that whoever looks finds it.
 */

import { EventEmitter } from 'node:events'
import { WebSocket as WsSocket } from 'ws'

const isHollow: unique symbol = Symbol('holdfast.hollow')

/** The options with which a socket is made for a session. */
export function hollow<Options extends object>(options: Options): Options {
  return Object.create(options, { [isHollow]: { value: true } })
}

class Hollow extends WsSocket {
  // biome-ignore-start lint/correctness: what is returned is one of ours all the same, and classes that extend it add their fields to it
  constructor(address: string | URL, protocols: undefined, options: object | undefined) {
    if (options && isHollow in options) return Object.create(new.target.prototype)
    super(address, protocols, options)
  }
  // biome-ignore-end lint/correctness: it ends here
}

const emitter = new EventEmitter() // whose fields are made when somebody listens
for (const [name, value] of Object.entries(new WsSocket(null as never, undefined, {}))) {
  if (!(name in emitter)) Object.defineProperty(Hollow.prototype, name, { value, writable: true, configurable: true })
}

/** Made as those of `ws` are. */
export const HollowSocket: typeof WsSocket = Hollow as unknown as typeof WsSocket
