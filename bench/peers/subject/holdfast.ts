/** Ours, as it is published: the build, not the sources. */

import { ignore, type Settings, type Subject, urlOf } from './subject.ts'

export const holdfast =
  (className: 'WebSocket' | 'ReconnectingWebSocket', binaryType: 'nodebuffer' | 'arraybuffer'): Subject =>
  async (settings) => {
    const { [className]: Class } = await import('holdfast')
    return (destination, listener) => {
      const socket = new Class(urlOf(destination), undefined, optionsOf(settings))
      socket.binaryType = binaryType as 'arraybuffer'
      socket.onopen = listener.opened
      socket.onmessage = (event) => listener.message(event.data)
      socket.onclose = listener.closed
      socket.onerror = ignore
      return socket as { send(data: unknown): void; close(): void }
    }
  }

function optionsOf({ heartbeatMs }: Settings) {
  return heartbeatMs === undefined ? undefined : { heartbeat: { interval: heartbeatMs, timeout: heartbeatMs } }
}
