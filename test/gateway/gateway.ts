// A gateway on a port of its own, for one test, and what it logs.

import { createGateway, type Gateway, type GatewayOptions } from '../../packages/holdfast/src/gateway.ts'
import { FaultProxy } from '../../packages/holdfast-cli/src/fault/index.ts'
import { until } from '../fault/patience.ts'
import { startWs, type WsOptions, type WsPeer } from '../peers/ws.ts'

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly text: string
  readonly fields: Record<string, any>
}

export interface TestGateway extends AsyncDisposable {
  readonly gateway: Gateway
  readonly url: string
  readonly port: number
  readonly lines: readonly LogLine[]
  /** Waits for the nth line, from 1, with such words: `upstream ended`. */
  line(text: string, count?: number): Promise<LogLine>
}

/** @param at a port, or the path of a Unix socket */
export async function startGateway(options: GatewayOptions, at: number | string = 0): Promise<TestGateway> {
  const lines: LogLine[] = []
  const add = (level: LogLine['level']) => (fields: object, text?: string) => lines.push({ level, text: text ?? '', fields })
  const logger = { debug: add('debug'), info: add('info'), warn: add('warn'), error: add('error') }
  const gateway = createGateway({ logger, ...options })
  const { url, port } = await gateway.listen(at, '127.0.0.1')
  const line = async (text: string, count = 1): Promise<LogLine> => {
    const found = () => lines.filter((each) => each.text === `holdfast: ${text}`)[count - 1]
    await until(() => found() !== undefined, `line '${text}'`)
    return found()!
  }
  return { gateway, url, port, lines, line, [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose]() }
}

export interface Route extends TestGateway {
  readonly peer: WsPeer
}

/** A gateway in front of a plain `ws` server. */
export async function openRoute(options: Partial<GatewayOptions> = {}, peerOptions?: WsOptions): Promise<Route> {
  const peer = await startWs(peerOptions)
  const gateway = await startGateway({ upstream: peer.url, ...options })
  return {
    ...gateway,
    peer,
    [Symbol.asyncDispose]: async () => {
      await gateway[Symbol.asyncDispose]()
      await peer.stop()
    },
  }
}

export interface Path extends Route {
  readonly proxy: FaultProxy
}

/** And a network on the way to the gateway that a test can break: `url` leads through it. */
export async function openPath(options?: Partial<GatewayOptions>): Promise<Path> {
  const route = await openRoute(options)
  const proxy = await FaultProxy.listen({ upstream: route.url })
  return {
    ...route,
    url: proxy.url,
    proxy,
    [Symbol.asyncDispose]: async () => {
      await route[Symbol.asyncDispose]()
      await proxy.close()
    },
  }
}

/** Breaks all links of clients, and lets nobody back before `proxy.accept()`. */
export async function partition({ proxy, gateway }: Path): Promise<void> {
  await proxy.refuse()
  proxy.reset()
  await until(() => gateway.stats.attached === 0, 'loss at the gateway')
}
