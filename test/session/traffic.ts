// Numbered messages both ways through one session, and what became of them.

import { setTimeout as sleep } from 'node:timers/promises'
import type { WebSocket } from 'holdfast'
import type { SessionSocket } from '../../packages/holdfast/src/server.ts'
import { inTime } from '../fault/patience.ts'

export interface Fates {
  readonly lost: number
  readonly duplicated: number
  readonly reordered: number
}

export const unharmed: Fates = { lost: 0, duplicated: 0, reordered: 0 }

export interface Pace {
  readonly messages: number
  readonly perMs: number
}

export class Traffic {
  readonly #total: number
  readonly #up: number[] = []
  readonly #down: number[] = []
  readonly #watchers: { readonly at: number; readonly run: () => void }[] = []
  readonly #done: Promise<void>
  #finish!: () => void

  constructor(client: WebSocket, server: SessionSocket, { messages, perMs }: Pace) {
    this.#total = messages
    this.#done = new Promise((resolve) => {
      this.#finish = resolve
    })
    server.on('message', (data) => this.#arrived(this.#up, String(data)))
    client.addEventListener('message', ({ data }) => this.#arrived(this.#down, data))
    void this.#pump(client, server, perMs)
  }

  /** Calls once so many messages have arrived, both directions together. */
  at(count: number, run: () => void): void {
    this.#watchers.push({ at: count, run })
  }

  /** Calls each time that so many more have arrived. */
  every(count: number, run: () => void): void {
    for (let at = count; at < 2 * this.#total; at += count) this.at(at, run)
  }

  get isDone(): boolean {
    return this.#up.length >= this.#total && this.#down.length >= this.#total
  }

  /** What became of all that was sent, once everything has arrived. */
  async fates(): Promise<{ readonly up: Fates; readonly down: Fates }> {
    await inTime(this.#done, 'arrival of everything').catch((error: Error) => {
      throw new Error(`${error.message}: up ${this.#up.length}, down ${this.#down.length} of ${this.#total}`)
    })
    await sleep(20) // what comes twice would come now
    return { up: fatesOf(this.#up, this.#total), down: fatesOf(this.#down, this.#total) }
  }

  async #pump(client: WebSocket, server: SessionSocket, perMs: number): Promise<void> {
    for (let number = 0; number < this.#total; ) {
      for (const end = Math.min(this.#total, number + perMs); number < end; number++) {
        client.send(`${number}`)
        server.send(`${number}`)
      }
      await sleep(1)
    }
  }

  #arrived(list: number[], text: string): void {
    list.push(Number(text))
    const count = this.#up.length + this.#down.length
    for (const watcher of this.#watchers.filter(({ at }) => at === count)) watcher.run()
    if (this.isDone) this.#finish()
  }
}

export function fatesOf(arrived: readonly number[], total: number): Fates {
  const seen = new Set(arrived)
  let reordered = 0
  for (const [index, number] of arrived.entries()) if (index > 0 && number < arrived[index - 1]!) reordered++
  return { lost: total - seen.size, duplicated: arrived.length - seen.size, reordered }
}
