// What a socket told its application, in order, so that a test can wait for the next thing to happen.

import type { CloseInfo, SessionCloseEvent, SocketErrorEvent, WebSocket } from 'holdfast'
import { patienceMs } from './patience.ts'

export type SocketEvent =
  | { readonly event: 'open'; readonly at: number }
  | { readonly event: 'message'; readonly at: number; readonly data: string | ArrayBuffer }
  | { readonly event: 'error'; readonly at: number; readonly cause: string; readonly message: string }
  | ({ readonly event: 'close'; readonly at: number } & CloseEnd)
  | { readonly event: 'retry'; readonly at: number; readonly attempt: number; readonly delay: number }
  | { readonly event: 'giveup'; readonly at: number; readonly cause: string }

type CloseEnd = Pick<SessionCloseEvent, 'code' | 'reason' | 'wasClean' | 'cause' | 'willReconnect'>
type Kind = SocketEvent['event']
type Of<K extends Kind> = Extract<SocketEvent, { readonly event: K }>

const eventsInAMessage = 20

interface Waiter {
  readonly matches: (event: SocketEvent) => boolean
  readonly settle: (error?: Error) => void
}

/** The events of one socket; `next` reads on from where it last stopped. */
export class SocketLog {
  readonly events: SocketEvent[] = []
  readonly #waiters = new Set<Waiter>()
  #read = 0
  #end: string | undefined

  /** Listens to everything that a socket of either class says. */
  static of(socket: WebSocket): SocketLog {
    socket.binaryType = 'arraybuffer'
    const log = new SocketLog()
    const now = (): number => performance.now()
    socket.addEventListener('open', () => log.add({ event: 'open', at: now() }))
    socket.addEventListener('message', ({ data }) => log.add({ event: 'message', at: now(), data }))
    socket.addEventListener('error', ({ cause, message }: SocketErrorEvent) => log.add({ event: 'error', at: now(), cause, message }))
    socket.addEventListener('close', ({ code, reason, wasClean, cause, willReconnect }) => {
      log.add({ event: 'close', at: now(), code, reason, wasClean, cause, willReconnect })
    })
    socket.addEventListener('retry', ({ detail: { attempt, delay } }) => log.add({ event: 'retry', at: now(), attempt, delay }))
    socket.addEventListener('giveup', (event) => {
      log.add({ event: 'giveup', at: now(), cause: (event as CustomEvent<CloseInfo>).detail.cause })
    })
    return log
  }

  add(event: SocketEvent): void {
    this.events.push(event)
    for (const waiter of this.#waiters) if (waiter.matches(event)) waiter.settle()
  }

  /** No event will follow: whoever waits learns why. */
  end(why: string): void {
    this.#end = why
    for (const waiter of this.#waiters) waiter.settle(new Error(why))
  }

  /** The texts received so far. */
  get texts(): string[] {
    return this.#all('message').map(({ data }) => String(data))
  }

  count(kind: Kind): number {
    return this.#all(kind).length
  }

  /** The next event of a kind after the one that this returned last; what is in between is skipped. */
  async next<K extends Kind>(kind: K, matches: (event: Of<K>) => boolean = () => true): Promise<Of<K>> {
    const isWanted = (event: SocketEvent): event is Of<K> => event.event === kind && matches(event as Of<K>)
    const from = this.#read
    if (!this.events.slice(from).some(isWanted)) await this.#until(isWanted, `no ${kind}`)
    const index = this.events.findIndex((event, at) => at >= from && isWanted(event))
    this.#read = index + 1
    return this.events[index] as Of<K>
  }

  /** Waits until so many events of a kind have come, whatever was read of them. */
  async atLeast(count: number, kind: Kind): Promise<void> {
    if (this.count(kind) < count) await this.#until(() => this.count(kind) >= count, `fewer than ${count} × ${kind}`)
  }

  #all<K extends Kind>(kind: K): Of<K>[] {
    return this.events.filter((event): event is Of<K> => event.event === kind)
  }

  #until(matches: (event: SocketEvent) => boolean, missing: string): Promise<void> {
    if (this.#end !== undefined) return Promise.reject(new Error(`${missing}: ${this.#end}`))
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        matches,
        settle: (error) => {
          clearTimeout(timer)
          this.#waiters.delete(waiter)
          if (error) reject(error)
          else resolve()
        },
      }
      const timer = setTimeout(() => {
        const last = this.events.slice(-eventsInAMessage).map(brief)
        waiter.settle(new Error([`${missing} within ${patienceMs} ms; the last events of the socket:`, ...last].join('\n  ')))
      }, patienceMs)
      this.#waiters.add(waiter)
    })
  }
}

function brief(event: SocketEvent): string {
  return event.event === 'message' ? `message of ${brevity(event.data)}` : JSON.stringify(event)
}

function brevity(data: string | ArrayBuffer): string {
  const most = 60
  if (typeof data !== 'string') return `${data.byteLength} bytes`
  return data.length > most ? `${data.length} characters` : JSON.stringify(data)
}
