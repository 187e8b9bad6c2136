import type { Socket } from 'node:net'

/** It never was told where to connect to. */
export const isUndialled = (socket: Socket): boolean => socket.pending && !socket.connecting

/** Sends RST, at once or as soon as there is a connection; a socket which will have none is just given up. */
export const resetSocket = (socket: Socket): void => {
  if (isUndialled(socket)) socket.destroy()
  else socket.resetAndDestroy()
}
