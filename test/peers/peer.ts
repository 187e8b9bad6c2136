// What every real peer of the test-suite looks like to a test: a URL, a log of events that can be awaited, and an end.

/** One line of a peer's log. Which fields there are depends on the event. */
export interface PeerEvent {
  readonly event: string
  /** When the test process learnt of it: `performance.now()`. */
  readonly at: number
  /** Number of the connection, from 1. */
  readonly id?: number
  /** Path and query of the request. */
  readonly path?: string
  readonly protocol?: string
  readonly code?: number
  readonly reason?: string
  /** Text of a message, where a peer logs messages. */
  readonly data?: string
  /** gorilla's `IsUnexpectedCloseError` for anything but 1000 and 1001. */
  readonly unexpected?: boolean
  readonly error?: string
}

export type PeerPredicate = string | ((event: PeerEvent) => boolean)

export interface Peer extends AsyncDisposable {
  /** `ws://host:port`, without a path. */
  readonly url: string
  readonly port: number
  /** Everything the peer has said so far, oldest first. */
  readonly events: readonly PeerEvent[]
  /** The first event, past or to come, with that name or for which the predicate holds. */
  waitFor(predicate: PeerPredicate, timeoutMs?: number): Promise<PeerEvent>
  /** How many events so far have that name or satisfy the predicate. */
  count(predicate: PeerPredicate): number
  stop(): Promise<void>
}

const defaultTimeoutMs = 10_000
const eventsInAMessage = 20

interface Waiter {
  readonly matches: (event: PeerEvent) => boolean
  readonly settle: (outcome: PeerEvent | Error) => void
}

/** Keeps a peer's events and wakes those who wait for one of them. */
export class EventLog {
  readonly events: PeerEvent[] = []
  readonly #name: string
  readonly #waiters = new Set<Waiter>()
  #end: string | undefined

  constructor(name: string) {
    this.#name = name
  }

  add(event: Omit<PeerEvent, 'at'>): void {
    const stamped = { ...event, at: performance.now() } as PeerEvent
    this.events.push(stamped)
    for (const waiter of this.#waiters) if (waiter.matches(stamped)) waiter.settle(stamped)
  }

  /** No event will follow: whoever still waits learns why. */
  end(why: string): void {
    this.#end ??= why
    for (const waiter of this.#waiters) waiter.settle(new Error(`${this.#name}: ${why}`))
  }

  count(predicate: PeerPredicate): number {
    return this.events.filter(matcher(predicate)).length
  }

  waitFor(predicate: PeerPredicate, timeoutMs: number = defaultTimeoutMs): Promise<PeerEvent> {
    const matches = matcher(predicate)
    const past = this.events.find(matches)
    if (past) return Promise.resolve(past)
    const wanted = typeof predicate === 'string' ? `'${predicate}'` : String(predicate)
    if (this.#end !== undefined) return Promise.reject(new Error(`${this.#name}: ${this.#end}, so ${wanted} will never come`))
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        matches,
        settle: (outcome) => {
          clearTimeout(timer)
          this.#waiters.delete(waiter)
          if (outcome instanceof Error) reject(outcome)
          else resolve(outcome)
        },
      }
      const timer = setTimeout(() => {
        const last = this.events.slice(-eventsInAMessage).map((event) => JSON.stringify(event))
        waiter.settle(new Error([`${this.#name}: no ${wanted} within ${timeoutMs} ms; its last events:`, ...last].join('\n  ')))
      }, timeoutMs)
      this.#waiters.add(waiter)
    })
  }
}

function matcher(predicate: PeerPredicate): (event: PeerEvent) => boolean {
  return typeof predicate === 'string' ? (event) => event.event === predicate : predicate
}
