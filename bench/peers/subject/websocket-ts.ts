/** websocket-ts over the package `ws`. It takes the global class, and reconnects only with a backoff: the one of its manual. */

import { loadPackage } from './package.ts'
import { type Subject, urlOf } from './subject.ts'

const backoffMs = 1_000

export const websocketTs: Subject = async ({ retry }) => {
  const { WebsocketBuilder, ConstantBackoff, ExponentialBackoff } = await loadPackage('websocket-ts')
  const { WebSocket } = await loadPackage('ws')
  globalThis.WebSocket = WebSocket
  return (destination, listener) =>
    new WebsocketBuilder(urlOf(destination))
      .withBackoff(
        retry ? new ExponentialBackoff(retry.minDelay, Math.log2(retry.maxDelay / retry.minDelay)) : new ConstantBackoff(backoffMs),
      )
      .onOpen((socket: { binaryType: string }) => {
        socket.binaryType = 'arraybuffer'
        listener.opened()
      })
      .onMessage((_: unknown, event: { readonly data: unknown }) => listener.message(event.data))
      .onClose(listener.closed)
      .build()
}
