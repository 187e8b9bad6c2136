// Sockets that lose their link again and again, and can be held so that none has one: then what is in memory is what stays.

import { ReconnectingWebSocket } from 'holdfast'

const retry = { minDelay: 1, maxDelay: 1, maxRetries: Infinity }

type Door = { readonly name: 'open' } | { readonly name: 'shut'; readonly opened: Promise<void>; readonly open: () => void }

export class Crowd {
  readonly sockets: readonly ReconnectingWebSocket[]
  #cycles = 0
  /** Sockets that wait at the door with nothing but themselves. */
  #waiting = 0
  #goal = 0
  #door: Door = { name: 'open' }
  #arrived: () => void = () => {}

  constructor(size: number, url: string) {
    this.sockets = Array.from({ length: size }, () => this.#socket(url))
  }

  /** Links that were opened and lost. */
  get cycles(): number {
    return this.#cycles
  }

  /** Goes on until there were so many cycles and every socket has lost its link. */
  async run(goal: number): Promise<void> {
    this.#goal = goal
    const arrived = new Promise<void>((resolve) => {
      this.#arrived = resolve
    })
    if (this.#door.name === 'shut') this.#door.open()
    this.#door = { name: 'open' }
    await arrived
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.close()
    if (this.#door.name === 'shut') this.#door.open()
    await Promise.all(this.sockets.map((socket) => socket.closed))
  }

  #socket(url: string): ReconnectingWebSocket {
    const socket = new ReconnectingWebSocket(
      async () => {
        await this.#pass()
        return url
      },
      [],
      { retry },
    )
    socket.addEventListener('open', () => socket.send('drop me'))
    socket.addEventListener('close', () => {
      this.#cycles++
    })
    return socket
  }

  async #pass(): Promise<void> {
    if (this.#cycles >= this.#goal && this.#door.name === 'open') this.#door = shutDoor()
    if (this.#door.name === 'open') return
    this.#waiting++
    if (this.#waiting === this.sockets.length) this.#arrived()
    await this.#door.opened
    this.#waiting--
  }
}

function shutDoor(): Door {
  let open: () => void = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { name: 'shut', opened, open }
}
