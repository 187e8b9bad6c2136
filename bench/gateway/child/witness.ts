/** Sockets that talk to an echo until something is cut, and what they see of it. */

import { setTimeout as sleep } from 'node:timers/promises'
import { loadClientKind, type OpenClient } from './client.ts'
import type { Outcome, WitnessTask } from './task.ts'

const everyMs = 5
/** Until nothing is the first of anything. */
const settleMs = 500

export async function witness({ build, client: kind, port, sockets }: WitnessTask): Promise<null> {
  const open = await loadClientKind(kind, build)
  const url = `ws://127.0.0.1:${port}/`
  const watched = await Promise.all(Array.from({ length: sockets }, () => Watched.open(open, url)))
  setInterval(() => {
    for (const each of watched) each.talk()
  }, everyMs)
  await sleep(settleMs)
  for (const each of watched) each.begin()
  process.on('message', () => process.send?.(watched.map((each) => each.outcome)))
  return null
}

class Watched {
  #client: OpenClient | undefined
  #closed: { readonly code: number; readonly at: number } | undefined
  #lastAt = performance.now()
  #gapMs = 0

  static async open(open: Awaited<ReturnType<typeof loadClientKind>>, url: string): Promise<Watched> {
    const watched = new Watched()
    await new Promise<void>((resolve) => {
      watched.#client = open(url, { opened: resolve, message: () => watched.#heard(), closed: (code) => watched.#ended(code) })
    })
    return watched
  }

  get outcome(): Outcome {
    return { code: this.#closed?.code ?? null, closedAt: this.#closed?.at ?? 0, gapMs: this.#gapMs }
  }

  talk(): void {
    if (!this.#closed) this.#client!.send('anybody there?')
  }

  /** What was before does not count. */
  begin(): void {
    this.#gapMs = 0
  }

  #heard(): void {
    const now = performance.now()
    this.#gapMs = Math.max(this.#gapMs, now - this.#lastAt)
    this.#lastAt = now
  }

  #ended(code: number): void {
    this.#closed = { code, at: performance.timeOrigin + performance.now() }
  }
}
