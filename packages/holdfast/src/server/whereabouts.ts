/** Where a TCP socket leads, and how: what is remembered of it when it is gone. */

import { Socket } from 'node:net'

const names = [
  'remoteAddress',
  'remotePort',
  'remoteFamily',
  'localAddress',
  'localPort',
  'localFamily',
  'encrypted',
  'authorized',
] as const

export type Whereabouts = Readonly<Partial<Record<(typeof names)[number], unknown>>>

export const unknown: Whereabouts = Object.freeze({})

/** What a socket shows; nothing once it is closed, unless it was asked before. */
export function whereaboutsOf(socket: Whereabouts | null | undefined): Whereabouts {
  if (socket?.remoteAddress === undefined) return unknown
  return Object.fromEntries(names.map((name) => [name, socket[name]]))
}

/** A socket that is closed and led there. */
export function closedSocket(where: Whereabouts): Socket {
  const shown = Object.entries(where).map(([name, value]) => [name, { value, enumerable: true }])
  return Object.defineProperties(new Socket(), Object.fromEntries(shown)).destroy()
}
