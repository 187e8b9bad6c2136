/** A client of one kind, and what becomes of its socket. */

import { loadPackage } from '../../peers/subject/package.ts'
import { loadClient } from '../../sessions/subject.ts'
import type { ClientKind } from '../subject.ts'

export interface ClientListener {
  readonly opened: () => void
  readonly message: (text: string) => void
  readonly closed: (code: number) => void
}

export interface OpenClient {
  send(text: string): void
  close(): void
}

export type OpenUrl = (url: string, listener: ClientListener) => OpenClient

const ignore = () => {}

export async function loadClientKind(kind: ClientKind, build: string): Promise<OpenUrl> {
  const Class = await classOf(kind, build)
  return (url, { opened, message, closed }) => {
    const socket = new Class(url)
    socket.onopen = opened
    socket.onmessage = ({ data }: { readonly data: string }) => message(data)
    socket.onclose = ({ code }: { readonly code: number }) => closed(code)
    socket.onerror = ignore
    return socket
  }
}

async function classOf(kind: ClientKind, build: string): Promise<any> {
  const { WebSocket } = await loadPackage('ws')
  switch (kind) {
    case 'ws':
      return WebSocket
    case 'holdfast':
      return (await loadClient(build)).WebSocket.with({ resume: true, retry })
    case 'reconnecting-websocket': {
      const { default: Reconnecting } = await loadPackage('reconnecting-websocket')
      return class extends Reconnecting {
        constructor(url: string) {
          super(url, [], { WebSocket })
        }
      }
    }
  }
}

/** Whoever is away for a minute wants to be seen soon afterwards. */
const retry = { maxDelay: 2_000, maxRetries: 100 }
