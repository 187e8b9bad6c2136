// A server of sessions, and a network on the way to it that a test can break.

import type { SessionSocket, WebSocketServerOptions } from '../../packages/holdfast/src/server.ts'
import { FaultProxy, type FaultProxyOptions } from '../../packages/holdfast-cli/src/fault/index.ts'
import { startServer, type TestServer } from '../server/server.ts'

export interface Path extends TestServer {
  readonly proxy: FaultProxy
}

/** `url` leads through the proxy. */
export async function openPath(options?: WebSocketServerOptions, shape?: Omit<FaultProxyOptions, 'upstream'>): Promise<Path> {
  const server = await startServer(options)
  const proxy = await FaultProxy.listen({ upstream: server.url, ...shape })
  return {
    ...server,
    url: proxy.url,
    proxy,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]()
      await proxy.close()
    },
  }
}

/** Breaks all links, and lets nobody back before `proxy.accept()`. */
export async function partition({ proxy }: Path): Promise<void> {
  await proxy.refuse()
  proxy.reset()
}

/** Sends everything back as it came. */
export function echo(socket: SessionSocket): void {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
}
