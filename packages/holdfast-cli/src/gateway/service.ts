/**
 * The gateway as a program: its listeners, its log, its certificate, and its end.
 *
 *   starting ── both listen ──▶ ready ── SIGTERM, SIGINT, POST /api/drain ──▶ draining ── nobody is left, or the timeout ──▶ over
 */

import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { createServer as createHttpServer, type Server as HttpServer, type RequestListener } from 'node:http'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { createGateway, type Gateway, type GatewayOptions } from 'holdfast/gateway'
import { Refusal } from 'holdfast/server'
import { type ExitCode, exitCode } from '../exit-code.ts'
import { watchInterruption } from '../interruption.ts'
import { UsageError } from '../usage-error.ts'
import { type Address, renderAddress } from './address.ts'
import { createAdmin, type Readiness } from './admin.ts'
import { readCertificate } from './certificate.ts'
import { withoutPassword } from './configuration.ts'
import { listenOn } from './listening.ts'
import { type Log, openLog } from './log.ts'
import { createMetrics } from './metrics.ts'
import { findRoute, renderRoute } from './route.ts'
import type { Settings } from './setting.ts'

export interface RunOptions {
  /** What is odd about the configuration, though it can be used. */
  readonly doubts?: readonly string[]
  readonly color: boolean
  /** Called when it listens. */
  readonly announce?: (url: string) => void
}

/** Resolves when it has drained. @throws UsageError for what cannot be used, or listened on */
export async function runGateway(settings: Settings, { doubts = [], color, announce }: RunOptions): Promise<ExitCode> {
  const log = openLog(settings, color)
  for (const doubt of doubts) log.warn(doubt)
  const service = new Service(settings, log)
  const unwatch = watchInterruption(() => service.drain())
  const reload = (): void => (isTerminalGone() ? service.drain() : service.reload())
  process.on('SIGHUP', reload)
  try {
    const url = await service.start()
    announce?.(url)
    await service.end()
    return exitCode.ok
  } finally {
    process.off('SIGHUP', reload)
    unwatch()
    await service.close()
  }
}

/** SIGHUP is also what a terminal says that is closed; who was started there ends with it. */
function isTerminalGone(): boolean {
  if (!process.stderr.isTTY) return false
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return false
  } catch {
    return true
  }
}

class Service {
  readonly #settings: Settings
  readonly #log: Log
  readonly #public: HttpServer | HttpsServer
  readonly #gateway: Gateway
  readonly #admin: HttpServer
  readonly #drainAsked = new AbortController()
  #readiness: Readiness = 'starting'

  constructor(settings: Settings, log: Log) {
    this.#settings = settings
    this.#log = log
    this.#public = createPublic(settings)
    this.#gateway = gatewayFor(settings, this.#public, log)
    this.#admin = createAdmin({
      hosts: settings.adminHost,
      readiness: () => this.#readiness,
      sessions: () => this.#gateway.clients,
      metrics: createMetrics(this.#gateway),
      drain: () => this.drain(),
    })
    // Such as no more file descriptors: it goes on with those it has. The library says as much of the public listener.
    this.#admin.on('error', (error) => log.error({ problem: error.message }, 'admin listener failed'))
  }

  /** Returns the url for clients. The admin listener comes first: whoever asks meanwhile is told that it is not ready yet. */
  async start(): Promise<string> {
    const { listen, admin, upstream, hold } = this.#settings
    if (admin) this.#log.info({ admin: renderAddress(await listenOn(this.#admin, admin, 'admin')) }, 'admin listening')
    const url = urlOf(await listenOn(this.#public, listen, 'listen'), this.#public)
    const upstreams = upstream.map((route) => withoutPassword(renderRoute(route)))
    this.#log.info({ url, upstreams, holdMs: hold }, 'listening')
    if (this.#readiness === 'starting') this.#readiness = 'ready'
    return url
  }

  /** Asks it to come to its end; the first time counts. */
  drain(): void {
    this.#readiness = 'draining'
    this.#drainAsked.abort()
  }

  /** Waits until it is asked to drain, and drains. */
  async end(): Promise<void> {
    const { signal } = this.#drainAsked
    if (!signal.aborted) await once(signal, 'abort')
    const { drainDelay, drainRate, drainTimeout } = this.#settings
    const { sessions, plain } = this.#gateway.stats
    this.#log.info({ sessions, plain, delayMs: drainDelay, timeoutMs: drainTimeout }, 'draining')
    await sleep(drainDelay)
    await this.#gateway.drain({ rate: drainRate, timeout: drainTimeout })
  }

  /** Connections that are open keep the certificate they have; new ones get the new one. */
  reload(): void {
    const { tlsCert, tlsKey } = this.#settings
    if (tlsCert === null || tlsKey === null || !('setSecureContext' in this.#public)) {
      this.#log.info('nothing to reload: there is no certificate')
      return
    }
    try {
      const { cert, key, subject, validTo } = readCertificate({ cert: tlsCert, key: tlsKey })
      this.#public.setSecureContext({ cert, key })
      this.#log.info({ subject, validTo }, 'certificate reloaded')
    } catch (error) {
      this.#log.error({ problem: (error as Error).message }, 'certificate not reloaded; the old one stays')
    }
  }

  async close(): Promise<void> {
    await this.#gateway.close()
    for (const server of [this.#public, this.#admin]) {
      if (server.listening) await new Promise((resolve) => server.close(resolve).closeAllConnections())
    }
  }
}

/** Whoever is slow with a request, or has no end of headers, is sent away by Node itself. */
function createPublic(settings: Settings): HttpServer | HttpsServer {
  const server = createListener(settings)
  // Node leaves out those beyond it, and one too many is enough to see.
  server.maxHeadersCount = settings.headerCount + 1
  return server
}

function createListener({ tlsCert, tlsKey, headerBytes, handshakeTimeout }: Settings): HttpServer | HttpsServer {
  const options = {
    maxHeaderSize: headerBytes,
    headersTimeout: handshakeTimeout,
    requestTimeout: handshakeTimeout,
    connectionsCheckingInterval: Math.max(shortestCheckMs, handshakeTimeout / checksPerTimeout),
  }
  if (tlsCert === null || tlsKey === null) return createHttpServer(options, sayUpgrade)
  try {
    const { cert, key } = readCertificate({ cert: tlsCert, key: tlsKey })
    return createHttpsServer({ ...options, cert, key, handshakeTimeout }, sayUpgrade)
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error })
  }
}

const shortestCheckMs = 100
const checksPerTimeout = 4
const upgradeRequired = 426

const sayUpgrade: RequestListener = (_request, response) => {
  response.writeHead(upgradeRequired, { 'Content-Type': 'text/plain', Connection: 'close', Upgrade: 'websocket' })
  response.end('Only WebSockets are served here.\n')
}

/** @throws UsageError for settings of which only the library knows that they cannot be */
function gatewayFor(settings: Settings, server: HttpServer | HttpsServer, log: Log): Gateway {
  try {
    return createGateway(optionsOf(settings, server, log))
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error })
  }
}

function optionsOf(settings: Settings, server: HttpServer | HttpsServer, log: Log): GatewayOptions {
  const { heartbeat, heartbeatTimeout, upstreamHeartbeat, upstreamHeartbeatTimeout, admissionRate, origin, trustProxy } = settings
  return {
    server,
    upstream: ({ url = '/' }) => {
      const route = findRoute(settings.upstream, url)
      if (route === undefined) throw new Refusal(404)
      return route.url
    },
    session: {
      ttl: settings.hold,
      maxBytes: settings.buffer,
      maxMessages: settings.bufferMessages,
      maxTotalBytes: settings.maxBuffered,
      maxSessions: settings.maxSessions,
    },
    heartbeat: heartbeat === null ? false : { interval: heartbeat, timeout: heartbeatTimeout },
    upstreamHeartbeat: upstreamHeartbeat === null ? false : { interval: upstreamHeartbeat, timeout: upstreamHeartbeatTimeout },
    admission: admissionRate === null ? false : { ratePerSecond: admissionRate },
    upstreamConnectTimeout: settings.upstreamTimeout,
    maxPayload: settings.maxMessage,
    perMessageDeflate: settings.compression,
    forwardHeaders: settings.forwardHeader,
    trustProxies: trustProxy,
    ...(origin.length > 0 && { origins: origin }),
    limits: {
      headerCount: settings.headerCount,
      maxPerAddress: settings.maxPerAddress ?? Infinity,
      maxHandshakes: settings.maxHandshakes,
      messagesPerSecond: settings.messageRate ?? Infinity,
      bytesPerSecond: settings.byteRate ?? Infinity,
    },
    logger: log,
  }
}

function urlOf(address: Address, server: HttpServer | HttpsServer): string {
  const scheme = 'setSecureContext' in server ? 'wss' : 'ws'
  return address.kind === 'unix' ? `${scheme}+unix:${address.path}` : `${scheme}://${renderAddress(address)}`
}
