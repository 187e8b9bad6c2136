/** A client under test, with one face for all of them. The face adds at most one call a message, and next to no memory. */

export type Payload = string | Uint8Array

/** Where to: the servers of the bench read what they are to do from the query. */
export interface Destination {
  readonly port: number
  readonly query: Readonly<Record<string, string>>
}

/** Plain functions: they are handed over as they are. */
export interface Listener {
  readonly opened: () => void
  readonly message: (data: unknown) => void
  readonly closed: () => void
}

/** For errors: what follows from them is heard of otherwise. */
export function ignore(): void {}

export interface Client {
  send(data: Payload): void
  close(): void
}

export type Open = (destination: Destination, listener: Listener) => Client

/** Settings that a subject has besides its defaults. */
export interface Settings {
  /** Milliseconds of silence before a ping, and milliseconds that its answer may take. */
  readonly heartbeatMs?: number
  /** How long it waits before the first retry, and before any. */
  readonly retry?: Retry
}

/** Milliseconds. */
export interface Retry {
  readonly minDelay: number
  readonly maxDelay: number
}

/** Loads the library and returns how to open a client of it. */
export type Subject = (settings: Settings) => Promise<Open>

export function urlOf({ port, query }: Destination): string {
  return `ws://127.0.0.1:${port}/?${new URLSearchParams(query)}`
}
