/**
 * A socket of `ws` without what is of no use to it here.
 *
 * For a session that is all that the constructor of `ws` writes into each socket: a quarter of a kilobyte. It stands on the prototype instead, as
 * the `ws` at hand writes it, so that whoever looks finds it. Others are told that they are not to answer pings: see AutoPong.
 */

import { EventEmitter } from 'node:events'
import { WebSocket as WsSocket } from 'ws'

const isForSession: unique symbol = Symbol('holdfast.isForSession')

/** The options with which a socket is made for a session. */
export function forSession<Options extends object>(options: Options): Options {
  return Object.create(options, { [isForSession]: { value: true } })
}

class Hollow extends WsSocket {
  // biome-ignore-start lint/correctness: what is returned is one of ours all the same, and classes that extend it add their fields to it
  constructor(address: string | URL, protocols: undefined, options: object = {}) {
    if (isForSession in options) return Object.create(new.target.prototype)
    super(address, protocols, withoutPongs(options))
  }
  // biome-ignore-end lint/correctness: it ends here
}

const emitter = new EventEmitter() // whose fields are made when somebody listens
for (const [name, value] of Object.entries(new WsSocket(null as never, undefined, {}))) {
  if (!(name in emitter)) Object.defineProperty(Hollow.prototype, name, { value, writable: true, configurable: true })
}

/** Made as those of `ws` are. */
export const HollowSocket: typeof WsSocket = Hollow as unknown as typeof WsSocket

const quiet = new WeakMap<object, object>()

function withoutPongs(options: object): object {
  const known = quiet.get(options)
  if (known) return known
  const made = Object.create(options, { autoPong: { value: false } })
  quiet.set(options, made)
  return made
}
