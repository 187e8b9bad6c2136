/** A client of the package `reconnecting-websocket`, to compare with, where that is installed. */

import type { State } from 'holdfast'
import { WebSocket } from 'ws'
import type { Account } from './backend.ts'
import { type Client, ClientRecord } from './client.ts'
import type { ClientEvent } from './event.ts'
import { Traffic } from './traffic.ts'
import { localTuning } from './tuning.ts'

export const otherName = 'reconnecting-websocket'

export interface OtherSocket {
  readonly readyState: number
  send(text: string): void
  reconnect(): void
  close(code: number): void
  addEventListener(type: 'open' | 'message' | 'close' | 'error', listener: (event: any) => void): void
}

export type OtherClass = new (url: string, protocols: string[], options: object) => OtherSocket

const states: readonly State[] = ['connecting', 'open', 'closing', 'closed']
const normalClosure = 1000

/** Undefined where it is not installed. */
export async function loadOther(name: string = otherName): Promise<OtherClass | undefined> {
  try {
    const { default: loaded } = await import(name)
    return loaded.default ?? loaded
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return undefined
    throw error
  }
}

/** The package takes its listeners off a dial that timed out, and `ws` throws an error that nobody listens to. */
class HeardWebSocket extends WebSocket {
  constructor(url: string, protocols?: string | string[]) {
    super(url, protocols)
    this.on('error', () => {})
  }
}

export class OtherClient implements Client {
  readonly name: string = otherName
  readonly status = undefined
  readonly stats = null
  readonly traffic: Traffic
  readonly record: ClientRecord = new ClientRecord()
  readonly #socket: OtherSocket
  readonly #tell: (event: ClientEvent) => void
  #links = 0
  #heardAt: number = performance.now()
  #openedAt: number | undefined
  #lostAt: number | undefined

  constructor(Socket: OtherClass, url: string, account: Account, tell: (event: ClientEvent) => void) {
    const { retry, connectTimeout } = localTuning
    this.#tell = tell
    this.#socket = new Socket(url, [], {
      WebSocket: HeardWebSocket,
      minReconnectionDelay: retry.minDelay,
      maxReconnectionDelay: retry.maxDelay,
      connectionTimeout: connectTimeout,
      minUptime: retry.stableAfter,
    })
    this.traffic = new Traffic((text) => this.#socket.send(text), account, tell)
  }

  get state(): State {
    return states[this.#socket.readyState] ?? 'closed'
  }
  get silentMs(): number {
    return performance.now() - this.#heardAt
  }

  watch(signal: AbortSignal): void {
    const whileShown = (act: (event: any) => void) => (event: unknown) => signal.aborted || act(event)
    this.#socket.addEventListener(
      'open',
      whileShown(() => this.#receiveOpen()),
    )
    this.#socket.addEventListener(
      'close',
      whileShown((event) => this.#receiveClose(event)),
    )
    this.#socket.addEventListener('error', () => {})
    this.#socket.addEventListener(
      'message',
      whileShown(({ data }) => {
        this.#heardAt = performance.now()
        this.traffic.receive(String(data))
      }),
    )
    this.traffic.start()
    signal.addEventListener('abort', () => this.traffic.stop())
  }

  reconnect(): void {
    this.#socket.reconnect()
  }

  async close(): Promise<void> {
    this.#socket.close(normalClosure)
  }

  #receiveOpen(): void {
    const now = performance.now()
    this.#heardAt = now
    this.#openedAt = now
    this.#links++
    this.traffic.stir()
    const downMs = this.#lostAt === undefined ? null : now - this.#lostAt
    this.#tell({ event: 'open', link: this.#links, downMs, session: null })
  }

  /** It says so of dials that fail as well. */
  #receiveClose({ code, reason }: { readonly code: number; readonly reason: string }): void {
    if (this.#openedAt === undefined) return
    const now = performance.now()
    const upMs = now - this.#openedAt
    this.#openedAt = undefined
    this.#lostAt = now
    this.#tell({ event: 'dropped', code, reason, upMs, silentMs: this.silentMs })
  }
}
