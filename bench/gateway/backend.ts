/** A backend that knows nothing of sessions, for clients whose connections break: a real one in Go where there is Go, else one of `ws`. */

import { startGorilla } from '../../test/peers/gorilla.ts'
import type { PeerEvent } from '../../test/peers/peer.ts'
import { needs } from '../../test/peers/requirement.ts'
import { Child } from './child.ts'

export interface Backend extends AsyncDisposable {
  readonly port: number
  /** How many connections asked for such a path so far. */
  connections(path: string): Promise<number>
}

export async function startBackend(tell: (text: string) => void): Promise<Backend> {
  const { skip } = needs('gorilla')
  if (skip) {
    tell(`the backend is one of ws (${skip})`)
    return await startWs()
  }
  const gorilla = await startGorilla()
  return {
    port: gorilla.port,
    connections: async (path) => gorilla.count((event: PeerEvent) => event.event === 'connected' && event.path === path),
    [Symbol.asyncDispose]: () => gorilla.stop(),
  }
}

async function startWs(): Promise<Backend> {
  const child = await Child.start<number>({ kind: 'backend' })
  return {
    port: child.begun,
    connections: (path) => child.order<number>({ kind: 'connections', path }),
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  }
}
