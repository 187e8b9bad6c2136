/** Reconnecting wrappers with the face of the standard, over the package `ws`. */

import { loadPackage } from './package.ts'
import { ignore, type Subject, urlOf } from './subject.ts'

export const wrapper =
  (packageName: string): Subject =>
  async ({ retry }) => {
    const { default: Wrapper } = await loadPackage(packageName)
    const { WebSocket } = await loadPackage('ws')
    const delays = retry && { minReconnectionDelay: retry.minDelay, maxReconnectionDelay: retry.maxDelay }
    return (destination, listener) => {
      const socket = new Wrapper(urlOf(destination), [], { WebSocket, ...delays })
      socket.binaryType = 'arraybuffer'
      socket.onopen = listener.opened
      socket.onmessage = (event: { readonly data: unknown }) => listener.message(event.data)
      socket.onclose = listener.closed
      socket.onerror = ignore
      return socket
    }
  }
