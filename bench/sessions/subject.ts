/** Who is measured: the client, and the server that it needs. */

import { join } from 'node:path'
import { loadPackage } from '../peers/subject/package.ts'
import { socketIo } from '../peers/subject/socket.io.ts'
import { ignore, type Open, type Settings, urlOf } from '../peers/subject/subject.ts'
import { websocketTs } from '../peers/subject/websocket-ts.ts'
import { wrapper } from '../peers/subject/wrapper.ts'
import { bareWs } from '../peers/subject/ws.ts'

/** What a server is made with. */
export type ServerKind = 'ws' | 'holdfast' | 'socket.io' | 'socket.io, recovery'
export const serverKinds: readonly ServerKind[] = ['ws', 'holdfast', 'socket.io', 'socket.io, recovery']

interface Subject {
  readonly server: ServerKind
  load(build: string, settings: Settings): Promise<Open>
}

const subjects = {
  ws: { server: 'ws', load: (_, settings) => bareWs(settings) },
  'holdfast, session': { server: 'holdfast', load: holdfast('WebSocket', { resume: true }) },
  /** The same client and server; it does not ask for a session. */
  'holdfast, session off': { server: 'holdfast', load: holdfast('WebSocket', {}) },
  'holdfast, reconnecting': { server: 'holdfast', load: holdfast('ReconnectingWebSocket', {}) },
  'holdfast, reconnecting, session': { server: 'holdfast', load: holdfast('ReconnectingWebSocket', { resume: true }) },
  'reconnecting-websocket': { server: 'ws', load: (_, settings) => wrapper('reconnecting-websocket')(settings) },
  partysocket: { server: 'ws', load: (_, settings) => wrapper('partysocket/ws')(settings) },
  'websocket-ts': { server: 'ws', load: (_, settings) => websocketTs(settings) },
  'socket.io': { server: 'socket.io', load: (_, settings) => socketIo(settings) },
  /** With connection state recovery, which is the server's. */
  'socket.io, recovery': { server: 'socket.io, recovery', load: (_, settings) => socketIo(settings) },
} satisfies Record<string, Subject>

export type SubjectName = keyof typeof subjects

export function serverOf(name: SubjectName): ServerKind {
  return subjects[name].server
}

export function loadSubject(name: SubjectName, build: string, settings: Settings = {}): Promise<Open> {
  return subjects[name].load(build, settings)
}

export function loadClient(build: string): Promise<any> {
  return loadPackage(join(build, 'node.mjs'))
}

function holdfast(className: 'WebSocket' | 'ReconnectingWebSocket', options: object): Subject['load'] {
  return async (build, { retry }) => {
    const { [className]: Class } = await loadClient(build)
    return (destination, listener) => {
      const socket = new Class(urlOf(destination), [], { ...options, retry })
      socket.binaryType = 'nodebuffer'
      socket.onopen = listener.opened
      socket.onmessage = (event: { readonly data: unknown }) => listener.message(event.data)
      socket.onclose = listener.closed
      socket.onerror = ignore
      return socket
    }
  }
}
