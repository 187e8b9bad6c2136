// Starts the server on python's `websockets` that stands in for every asyncio backend.

import { fileURLToPath } from 'node:url'
import { type ProcessPeer, startProcess } from './process.ts'

export interface PythonOptions {
  /** Milliseconds between its keepalive pings; `Infinity` switches them off. @default 20_000, the library's own */
  readonly pingInterval?: number
  /** Milliseconds it waits for the pong before it closes with 1011; `Infinity` for ever. @default 20_000, the library's own */
  readonly pingTimeout?: number
  /** @default '127.0.0.1' */
  readonly host?: string
  /** A port that was this peer's before, to come back at the same URL. @default a free one */
  readonly port?: number
  /** A command to run it under, such as a namespace's. */
  readonly within?: readonly string[]
}

/** Debian's interpreter by its full path: python3-websockets belongs to it, and another python may stand first in the path. */
export const python = '/usr/bin/python3'

const script = fileURLToPath(new URL('./python/server.py', import.meta.url))
const libraryDefaultMs = 20_000

/**
 * Endpoints: `/echo`, `/close?code=4401&reason=x&after=0ms`. Events: `attempt`, `connected`, `keepalive timeout`, `closed`.
 */
export function startPython(options: PythonOptions = {}): Promise<ProcessPeer> {
  const { pingInterval = libraryDefaultMs, pingTimeout = libraryDefaultMs, host = '127.0.0.1', port = 0, within = [] } = options
  const args = [script, '--host', host, '--port', String(port)]
  args.push('--ping-interval', seconds(pingInterval), '--ping-timeout', seconds(pingTimeout))
  return startProcess({ name: 'python server', command: python, args, host, within })
}

function seconds(milliseconds: number): string {
  return milliseconds === Infinity ? 'none' : String(milliseconds / 1000)
}
