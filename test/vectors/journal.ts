/** What an end did and nobody has asked for yet: one queue for each link, and one for its application. */

export class Journal {
  readonly #queues = new Map<string, unknown[]>()

  write(queue: string, event: unknown): void {
    const events = this.#queues.get(queue)
    if (events) events.push(event)
    else this.#queues.set(queue, [event])
  }

  /** The oldest event of a queue; undefined where there is none. */
  take(queue: string): unknown {
    return this.#queues.get(queue)?.shift()
  }

  /** Whether the oldest event of a queue is of this kind. */
  peek(queue: string, kind: string): boolean {
    const event = this.#queues.get(queue)?.[0]
    return typeof event === 'object' && event !== null && kind in event
  }

  /** Takes everything that is there, with the queue that it is from. */
  drain(): (readonly [queue: string, event: unknown])[] {
    const all = [...this.#queues].flatMap(([queue, events]) => events.map((event) => [queue, event] as const))
    this.#queues.clear()
    return all
  }

  /** What was not asked for. */
  get rest(): string[] {
    return [...this.#queues].flatMap(([queue, events]) => events.map((event) => `${queue}: ${JSON.stringify(event)}`))
  }
}
