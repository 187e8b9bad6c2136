/** Where clients come from, and how many connections each address has. */

import type { IncomingMessage } from 'node:http'
import { isIPv6 } from 'node:net'

const mappedPrefix = '::ffff:'
/** Of the eight groups of an IPv6 address those that name a network: a host has all addresses of it. */
const networkGroups = 4
const allGroups = 8

/** The address of the other end of the TCP connection: an IPv4 address, or the first 64 bits of an IPv6 address. */
export function addressOf(request: IncomingMessage): string {
  return hostOf(request.socket.remoteAddress ?? '')
}

export function hostOf(address: string): string {
  if (address.startsWith(mappedPrefix) && address.includes('.')) return address.slice(mappedPrefix.length)
  return isIPv6(address) ? networkOf(address) : address
}

function networkOf(address: string): string {
  const [head = '', tail] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  const rest = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? [] : new Array<string>(Math.max(0, allGroups - groups.length - rest.length)).fill('0')
  return `${[...groups, ...zeros, ...rest].slice(0, networkGroups).join(':')}::/64`
}

/** How many connections each address has. */
export class Addresses {
  readonly #most: number
  readonly #taken = new Map<string, number>()

  constructor(most: number) {
    this.#most = most
  }

  /** Counts a connection to an address. @returns undefined where the address has as many as it may */
  take(address: string): Seat | undefined {
    const taken = this.#taken.get(address) ?? 0
    if (taken >= this.#most) return undefined
    this.#taken.set(address, taken + 1)
    return new Seat(() => this.#leave(address))
  }

  #leave(address: string): void {
    const rest = this.#taken.get(address)! - 1
    if (rest > 0) this.#taken.set(address, rest)
    else this.#taken.delete(address)
  }
}

/** A connection that is counted: with its TCP connection, unless a session keeps it, which may have others. */
export class Seat {
  readonly #leave: () => void
  #isKept = false

  constructor(leave: () => void) {
    this.#leave = leave
  }

  /** Whoever keeps it says when it is free. */
  keep(): void {
    this.#isKept = true
  }
  free(): void {
    this.#leave()
  }
  linkClosed(): void {
    if (!this.#isKept) this.#leave()
  }
}
