/** Whose word about where a request came from is taken: proxies in front, by address. */

import { BlockList, isIP } from 'node:net'

/** A peer on a Unix socket, who has no address. */
const unixPeer = 'unix:'

export class Trust {
  readonly #isEverybody: boolean
  readonly #isUnix: boolean
  readonly #list = new BlockList()

  /** @throws TypeError for an entry that is no address and no range */
  constructor(proxies: readonly string[] | boolean) {
    const entries = typeof proxies === 'boolean' ? [] : proxies
    this.#isEverybody = proxies === true
    this.#isUnix = this.#isEverybody || entries.includes(unixPeer)
    for (const entry of entries) if (entry !== unixPeer) this.#add(entry)
  }

  /** @param address undefined for a peer on a Unix socket */
  has(address: string | undefined): boolean {
    if (address === undefined) return this.#isUnix
    const family = isIP(address)
    return this.#isEverybody || (family !== 0 && this.#list.check(address, family === 4 ? 'ipv4' : 'ipv6'))
  }

  #add(entry: string): void {
    const [address = '', prefix] = entry.split('/')
    const family = isIP(address)
    const type = family === 4 ? 'ipv4' : 'ipv6'
    const bits = prefix === undefined ? addressBits(family) : /^\d+$/.test(prefix) ? Number(prefix) : -1
    if (family === 0 || bits < 0 || bits > addressBits(family))
      throw new TypeError(
        `option trustProxies has ${JSON.stringify(entry)}; each must be an address, a range such as 10.0.0.0/8, or '${unixPeer}'`,
      )
    this.#list.addSubnet(address, bits, type)
  }
}

function addressBits(family: number): number {
  return family === 4 ? 32 : 128
}
