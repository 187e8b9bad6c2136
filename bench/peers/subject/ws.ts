/** The package `ws` as it is: what all figures are ratios of. */

import { loadPackage } from './package.ts'
import { ignore, type Subject, urlOf } from './subject.ts'

/** Through its EventEmitter, the cheapest way there is. */
export const bareWs: Subject = async () => {
  const { WebSocket } = await loadPackage('ws')
  return (destination, listener) => {
    const socket = new WebSocket(urlOf(destination))
    socket.on('open', listener.opened)
    socket.on('message', (data: Buffer, isBinary: boolean) => listener.message(isBinary ? data : data.toString()))
    socket.on('close', listener.closed)
    socket.on('error', ignore)
    return socket
  }
}

/** Through the face of the standard. */
export const wsHandlers =
  (binaryType: 'nodebuffer' | 'arraybuffer'): Subject =>
  async () => {
    const { WebSocket } = await loadPackage('ws')
    return (destination, listener) => {
      const socket = new WebSocket(urlOf(destination))
      socket.binaryType = binaryType
      socket.onopen = listener.opened
      socket.onmessage = (event: { readonly data: unknown }) => listener.message(event.data)
      socket.onclose = listener.closed
      socket.onerror = ignore
      return socket
    }
  }
