/** The demonstration: clients on real traffic, their timeline while it lasts, the report at its end. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Colours } from '../colour.ts'
import { type ExitCode, exitCode } from '../exit-code.ts'
import { seededRandom } from '../fault/index.ts'
import { renderNdjson } from '../ndjson.ts'
import { readKeys } from '../terminal/keyboard.ts'
import type { Screen } from '../terminal/screen.ts'
import { assembleGuest, assembleRivals, type Cast, resumableName } from './cast.ts'
import { type Client, pulseOf } from './client.ts'
import type { ClientEvent, DemoEvent, DemoRecord, Pulse, Report } from './event.ts'
import { introduction, tryNext } from './guide.ts'
import { keysFor, mishapMs } from './key.ts'
import { renderLine } from './line.ts'
import { Network } from './network.ts'
import { renderStatus } from './status-line.ts'
import { drawStorm, stepsOf } from './storm.ts'
import { type Sample, Strip } from './strip.ts'
import { renderReport } from './summary.ts'
import { localTuning, remoteTuning } from './tuning.ts'

export interface DemoOptions {
  /** Somebody else's server; without it a server and a broken network of our own. */
  readonly url: string | undefined
  /** Infinity: until somebody ends it. */
  readonly durationMs: number
  readonly seed: number
  readonly port: number
  readonly isJson: boolean
  readonly colours: { readonly out: Colours; readonly err: Colours }
}

/** Who is shown, and where. */
interface Scene extends Cast {
  readonly network: Network | undefined
}

const normalClosure = 1000
const pulseEveryMs = 2_000
const redrawEveryMs = 100
const sampleEveryMs = 500
/** After the last fault: for messages that are still on their way, or wait for a link. */
const longestSettlingMs = 20_000
const longestOpeningMs = 5_000
const settlingStepMs = 20

export class Demonstration {
  readonly #options: DemoOptions
  readonly #screen: Screen
  readonly #strip = new Strip()
  /** Aborts when no more faults are to be made. */
  readonly #calm = new AbortController()
  /** Aborts when nothing more is to be shown; every listener and timer hangs on it. */
  readonly #over = new AbortController()
  #clients: readonly Client[] = []
  #nameWidth = 0
  readonly #startedAt: number = performance.now()
  readonly #ended: Promise<ExitCode>
  #end: (code: ExitCode) => void = () => {}
  #fail: (error: unknown) => void = () => {}

  constructor(options: DemoOptions, screen: Screen) {
    this.#options = options
    this.#screen = screen
    this.#ended = new Promise((resolve, reject) => {
      this.#end = resolve
      this.#fail = reject
    })
  }

  /** Ends it in order: `run` resolves with this code after the report. The first call counts. */
  end(code: ExitCode): void {
    this.#end(code)
  }

  /** @throws UsageError when the port cannot be had */
  async run(): Promise<ExitCode> {
    const { url, port, seed } = this.#options
    const network = url === undefined ? await Network.listen({ port, seed, tell: this.#tell }) : undefined
    try {
      return await this.#show(network)
    } finally {
      await network?.close()
    }
  }

  async #show(network: Network | undefined): Promise<ExitCode> {
    const { url = '', seed } = this.#options
    const tell = (client: string, event: ClientEvent): void => this.#receive(client, event)
    const cast = network ? await assembleRivals(network, seed, tell) : assembleGuest(url, tell)
    const scene = { ...cast, network }
    const { clients } = scene
    this.#clients = clients
    this.#nameWidth = clients.length === 1 ? 0 : Math.max(...clients.map(({ name }) => name.length))
    this.#introduce(scene)
    for (const client of clients) client.watch(this.#over.signal)
    const storm = this.#weather(network)
    this.#schedule(scene)
    if (this.#screen.isLive) readKeys((key) => this.#press(key, scene), this.#over.signal)
    try {
      const code = await this.#ended
      this.#calm.abort()
      await storm
      network?.backend.stopClock()
      await this.#settle(clients)
      return this.#conclude(scene, code)
    } finally {
      this.#calm.abort()
      this.#over.abort()
      await Promise.all([...clients.map((client) => client.close()), storm])
    }
  }

  #introduce({ network, clients, absent }: Scene): void {
    const { url = '', seed, durationMs, colours } = this.#options
    const tuning = network ? localTuning : remoteTuning
    const place = { url: network?.url ?? url, seed: network ? seed : null, durationMs: finite(durationMs) }
    const start = { ...place, tuning, clients: clients.map(({ name }) => name), absent }
    for (const line of introduction(start, colours.err)) this.#screen.words(line)
    this.#tell({ event: 'start', ...start })
  }

  /** Resolves when the last fault is over, or no more are wanted. The first one waits for links that it can break. */
  async #weather(network: Network | undefined): Promise<void> {
    if (!network) return
    const { signal } = this.#calm
    const giveUpAt = performance.now() + longestOpeningMs
    while (!signal.aborted && performance.now() < giveUpAt && !this.#clients.every(isOpen)) await sleep(settlingStepMs)
    const storm = drawStorm(seededRandom(this.#options.seed), this.#options.durationMs)
    await network.suffer(storm, signal).catch(this.#fail)
  }

  /** Resolves when what was sent is back, or will never be. */
  async #settle(clients: readonly Client[]): Promise<void> {
    for (const { traffic } of clients) traffic?.stop()
    const giveUpAt = performance.now() + longestSettlingMs
    while (performance.now() < giveUpAt && !clients.every(isSettled)) await sleep(settlingStepMs)
  }

  #schedule(scene: Scene): void {
    const { durationMs, isJson } = this.#options
    const { signal } = this.#over
    if (durationMs < Infinity) {
      const timer = setTimeout(() => this.#receiveTimeUp(scene), durationMs)
      signal.addEventListener('abort', () => clearTimeout(timer))
    }
    // On a terminal the status line says it all.
    const pulses = (): Pulse[] => scene.clients.map(pulseOf)
    if (!this.#screen.isLive || isJson) repeat(pulseEveryMs, signal, () => this.#tell({ event: 'pulse', clients: pulses() }))
    if (!this.#screen.isLive) return
    repeat(redrawEveryMs, signal, () => this.#redraw(scene))
    const watched = scene.clients.find(({ name }) => name === resumableName)
    if (watched) repeat(sampleEveryMs, signal, () => this.#strip.add(sampleOf(pulseOf(watched))))
  }

  /** A server that was asked for and never seen is no success, however patient the wait. */
  #receiveTimeUp({ clients, network }: Scene): void {
    const isUnseen = !network && clients.every(({ stats }) => stats?.links === 0)
    if (isUnseen) this.#screen.words(`No link came about; the last dial: ${clients[0]?.status?.lastClose?.cause ?? 'unanswered'}.`)
    this.end(isUnseen ? exitCode.lost : exitCode.ok)
  }

  #receive(client: string, event: ClientEvent): void {
    if (this.#over.signal.aborted) return
    this.#clients.find(({ name }) => name === client)?.record.receive(event, performance.now() - this.#startedAt)
    this.#tell({ client, ...event })
    if (event.event === 'closed')
      this.end(event.httpStatus !== undefined ? exitCode.refused : isNormal(event) ? exitCode.ok : exitCode.lost)
    if (event.event === 'giveup') this.#offerRetry()
  }

  readonly #tell = (event: DemoEvent): void => {
    if (this.#over.signal.aborted) return
    this.#print({ at: Date.now(), elapsedMs: performance.now() - this.#startedAt, ...event })
  }

  #print(record: DemoRecord): void {
    const { isJson, colours } = this.#options
    if (isJson) {
      this.#screen.data(renderNdjson(record))
      return
    }
    if (record.event === 'report') for (const line of renderReport(record, colours.out)) this.#screen.data(line)
    const line = renderLine(record, this.#nameWidth, colours.err)
    if (line !== undefined) this.#screen.words(line)
  }

  #offerRetry(): void {
    if (this.#screen.isLive) this.#screen.words(`${' '.repeat(10)}Press r to try again, q to quit.`)
    else this.end(exitCode.lost)
  }

  #redraw({ clients, network }: Scene): void {
    const keys = keysFor(clients.some(isSuspended) ? 'suspended' : 'open', network !== undefined)
    const shown = clients.map((client) => ({ ...pulseOf(client), status: client.status }))
    this.#screen.status(renderStatus({ clients: shown, strip: this.#strip.text, keys, wall: Date.now() }, this.#options.colours.err))
  }

  #press(pressed: string, { clients, network }: Scene): void {
    const suspended = clients.filter(isSuspended)
    const keys = keysFor(suspended.length > 0 ? 'suspended' : 'open', network !== undefined)
    const action = keys.find(({ key }) => key === pressed)?.action
    switch (action?.kind) {
      case 'quit':
        this.end(exitCode.ok)
        return
      case 'reconnect':
        for (const client of suspended.length > 0 ? suspended : clients) client.reconnect()
        return
      case 'mishap':
        void network?.suffer(stepsOf(action.mishap, 0, mishapMs), this.#calm.signal).catch(this.#fail)
        return
      case undefined:
        return
    }
  }

  /** Returns the exit code: a session that lost anything is a failure. */
  #conclude({ clients }: Scene, ended: ExitCode): ExitCode {
    const { url, seed, isJson, colours } = this.#options
    const durationMs = performance.now() - this.#startedAt
    const reports = clients.map((client) => client.record.report(client, durationMs))
    const report: Report = { durationMs, clients: reports }
    this.#screen.status([])
    if (!isJson) this.#screen.words('')
    this.#tell({ event: 'report', ...report })
    this.#screen.words('')
    this.#screen.words(tryNext({ url, seed }, colours.err))
    const { lost = 0, duplicated = 0, missedTicks = 0 } = reports.find(({ client }) => client === resumableName)?.numbered ?? {}
    return ended === exitCode.ok && lost + duplicated + missedTicks > 0 ? exitCode.failed : ended
  }
}

function isOpen({ state }: Client): boolean {
  return state === 'open'
}

function isSuspended({ state }: Client): boolean {
  return state === 'suspended'
}

/** Who is dialling may still get what it waits for. What a session has sent comes back whatever its link is like: it may be dead, and not noticed yet. */
function isSettled({ name, state, traffic }: Client): boolean {
  if (traffic === undefined || traffic.isComplete) return true
  const isOnItsWay = state === 'connecting' || state === 'waiting' || (name === resumableName && state === 'open')
  return traffic.isSettled && !isOnItsWay
}

function sampleOf({ state, silentMs, echoMs }: Pulse): Sample {
  if (state !== 'open') return { name: 'away' }
  return echoMs === null || silentMs > sampleEveryMs ? { name: 'silent' } : { name: 'heard', ms: echoMs }
}

function isNormal({ code, cause }: { readonly code: number; readonly cause: string }): boolean {
  return cause === 'server' && code === normalClosure
}

/** JSON has no Infinity. */
function finite(ms: number): number | null {
  return ms === Infinity ? null : ms
}

function repeat(everyMs: number, signal: AbortSignal, action: () => void): void {
  const timer = setInterval(action, everyMs)
  signal.addEventListener('abort', () => clearInterval(timer))
}
