// Everything a socket dispatched, in order and in words, and ways to wait for what is still to come.

import type { TestContext } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ReconnectingWebSocketEvents, WebSocket } from 'holdfast'

/** Long enough for any machine: a test that waits for longer has failed, and says for what. */
const patienceMs = 20_000
const pollMs = 5
const strayTurns = 5

const types = ['open', 'message', 'error', 'close', 'lost', 'retry', 'resumed', 'giveup'] as const
type Type = (typeof types)[number]
type Recorded = { readonly [type in Type]: ReconnectingWebSocketEvents[type] }

/**
 * One line an event, with the readyState that its handlers see: `open 1`, `message 1 text`, `error 3 network`, `retry 0 #2`,
 * `giveup 0 retries-exhausted`, and `close 3 1006 unclean network last`, which ends with `reconnecting` where more is to come.
 */
export class EventRecord {
  readonly lines: string[] = []
  readonly events: Event[] = []
  readonly #waiting = new Set<() => void>()

  constructor(socket: WebSocket) {
    for (const type of types)
      socket.addEventListener(type, (event: Event) => {
        this.events.push(event)
        this.lines.push(line(event, socket.readyState))
        for (const look of [...this.#waiting]) look()
      })
  }

  all<T extends Type>(type: T): Recorded[T][] {
    return this.events.filter((event) => event.type === type) as Recorded[T][]
  }

  /** The nth event of a type, past or to come. */
  until<T extends Type>(type: T, count = 1): Promise<Recorded[T]> {
    const found = this.all(type)[count - 1]
    if (found) return Promise.resolve(found)
    return new Promise((resolve, reject) => {
      const look = () => {
        const event = this.all(type)[count - 1]
        if (!event) return
        settle()
        resolve(event)
      }
      const settle = () => {
        clearTimeout(timer)
        this.#waiting.delete(look)
      }
      const timer = setTimeout(() => {
        settle()
        reject(new Error(`no ${type} number ${count} within ${patienceMs} ms, but:\n  ${this.lines.join('\n  ')}`))
      }, patienceMs)
      this.#waiting.add(look)
    })
  }
}

function line(event: Event, readyState: number): string {
  const words = [event.type, readyState, ...details(event as Recorded[Type])]
  return words.join(' ')
}

function details(event: any): unknown[] {
  switch (event.type as Type) {
    case 'open':
    case 'lost':
    case 'resumed':
      return []
    case 'message':
      return [event.data]
    case 'error':
      return [event.cause]
    case 'close':
      return [event.code, event.wasClean ? 'clean' : 'unclean', event.cause, event.willReconnect ? 'reconnecting' : 'last']
    case 'retry':
      return [`#${event.detail.attempt}`]
    case 'giveup':
      return [event.detail.cause]
  }
}

/** Waits until something holds that has no event of its own. */
export async function eventually(holds: () => boolean, what: string): Promise<void> {
  const end = performance.now() + patienceMs
  while (!holds()) {
    if (performance.now() > end) throw new Error(`${what} did not come about within ${patienceMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}

/** Gives a promise the same patience. */
export async function soon<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const impatience = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not come about within ${patienceMs} ms`)), patienceMs)
  })
  return await Promise.race([promise, impatience]).finally(() => clearTimeout(timer))
}

/** Turns of the event loop in which anything that should not happen has its chance. */
export async function strays(): Promise<void> {
  for (let turn = 0; turn < strayTurns; turn++) await nextTurn()
}

export interface Deferred<T> {
  readonly promise: Promise<T>
  resolve(value: T): void
}

/** A promise that the test resolves. */
export function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void
  const promise = new Promise<T>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

/** Collects what the library reports of the application's code until the test is over. To be called when the sockets are made: they end first. */
export function reports(t: TestContext): unknown[] {
  const reported: unknown[] = []
  Object.assign(globalThis, { reportError: (error: unknown) => reported.push(error) })
  t.after(() => {
    Reflect.deleteProperty(globalThis, 'reportError')
  })
  return reported
}
