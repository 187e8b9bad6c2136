/** The demonstration: a socket on real traffic, its timeline while it lasts, the report at its end. */

import { ReconnectingWebSocket } from 'holdfast'
import type { Colours } from '../colour.ts'
import { type ExitCode, exitCode } from '../exit-code.ts'
import { seededRandom } from '../fault/index.ts'
import { readKeys } from '../terminal/keyboard.ts'
import type { Screen } from '../terminal/screen.ts'
import { type DemoEvent, type DemoRecord, type Pulse, type Report, renderRecord } from './event.ts'
import { introduction, tryNext } from './guide.ts'
import { Histogram } from './histogram.ts'
import { keysFor, mishapMs } from './key.ts'
import { renderLine } from './line.ts'
import { LinkJournal } from './link-journal.ts'
import { Network } from './network.ts'
import { seededClock } from './seeded-clock.ts'
import { renderStatus } from './status-line.ts'
import { drawStorm, stepsOf } from './storm.ts'
import { type Sample, Strip } from './strip.ts'
import { renderReport } from './summary.ts'
import { Tally } from './tally.ts'
import { Traffic } from './traffic.ts'
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

/** Everything that runs on the socket. */
interface Cast {
  readonly socket: ReconnectingWebSocket
  readonly journal: LinkJournal
  readonly network: Network | undefined
  readonly traffic: Traffic | undefined
}

const pulseEveryMs = 2_000
const redrawEveryMs = 100
const sampleEveryMs = 500
const normalClosure = 1000

export class Demonstration {
  readonly #options: DemoOptions
  readonly #screen: Screen
  readonly #tally = new Tally()
  readonly #pings = new Histogram()
  readonly #strip = new Strip()
  /** Aborts when nothing more is to be shown; every listener, timer and fault hangs on it. */
  readonly #over = new AbortController()
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
    const cast = this.#assemble(network)
    const { socket, journal, traffic } = cast
    const { signal } = this.#over
    this.#introduce(cast)
    journal.watch(signal)
    traffic?.run(signal)
    const storm = this.#weather(network)
    this.#schedule(cast)
    if (this.#screen.isLive) readKeys((key) => this.#press(key, cast), signal)
    try {
      const code = await this.#ended
      this.#conclude(cast)
      return code
    } finally {
      this.#over.abort()
      socket.close(normalClosure)
      await Promise.all([socket.closed, storm])
    }
  }

  #assemble(network: Network | undefined): Cast {
    const { url = network?.url ?? '', seed } = this.#options
    const socket = network
      ? new ReconnectingWebSocket(url, [], { ...localTuning, clock: seededClock(seed) })
      : new ReconnectingWebSocket(url, [], remoteTuning)
    const journal = new LinkJournal(socket, this.#tell)
    return { socket, journal, network, traffic: network && new Traffic(socket, this.#tell) }
  }

  #introduce({ network, socket }: Cast): void {
    const { seed, durationMs, colours } = this.#options
    const tuning = network ? localTuning : remoteTuning
    const start = { url: network?.url ?? socket.url, seed: network ? seed : null, durationMs: finite(durationMs), tuning }
    for (const line of introduction(start, colours.err)) this.#screen.words(line)
    this.#tell({ event: 'start', ...start })
  }

  /** Resolves when the last fault is over, or the demonstration. */
  async #weather(network: Network | undefined): Promise<void> {
    const storm = drawStorm(seededRandom(this.#options.seed), this.#options.durationMs)
    await network?.suffer(storm, this.#over.signal).catch(this.#fail)
  }

  #schedule(cast: Cast): void {
    const { durationMs, isJson } = this.#options
    const { signal } = this.#over
    if (durationMs < Infinity) {
      const timer = setTimeout(() => this.#receiveTimeUp(cast), durationMs)
      signal.addEventListener('abort', () => clearTimeout(timer))
    }
    // On a terminal the status line says it all.
    if (!this.#screen.isLive || isJson) repeat(pulseEveryMs, signal, () => this.#tell({ event: 'pulse', ...this.#pulse(cast) }))
    if (!this.#screen.isLive) return
    repeat(redrawEveryMs, signal, () => this.#redraw(cast))
    if (cast.traffic) repeat(sampleEveryMs, signal, () => this.#strip.add(sampleOf(this.#pulse(cast))))
  }

  /** A server that was asked for and never seen is no success, however patient the wait. */
  #receiveTimeUp({ socket, network }: Cast): void {
    const isUnseen = !network && socket.stats.links === 0
    if (isUnseen) this.#screen.words(`No link came about; the last dial: ${socket.status.lastClose?.cause ?? 'unanswered'}.`)
    this.end(isUnseen ? exitCode.lost : exitCode.ok)
  }

  readonly #tell = (event: DemoEvent): void => {
    if (this.#over.signal.aborted) return
    const record: DemoRecord = { at: Date.now(), elapsedMs: performance.now() - this.#startedAt, ...event }
    this.#tally.receive(record)
    if (event.event === 'pong') this.#pings.record(event.rttMs)
    this.#print(record)
    if (event.event === 'closed')
      this.end(event.httpStatus !== undefined ? exitCode.refused : isNormal(event) ? exitCode.ok : exitCode.lost)
    if (event.event === 'giveup') this.#offerRetry()
  }

  #print(record: DemoRecord): void {
    const { isJson, colours } = this.#options
    if (isJson) {
      this.#screen.data(renderRecord(record))
      return
    }
    if (record.event === 'report') for (const line of renderReport(record, colours.out)) this.#screen.data(line)
    const line = renderLine(record, colours.err)
    if (line !== undefined) this.#screen.words(line)
  }

  #offerRetry(): void {
    if (this.#screen.isLive) this.#screen.words(`${' '.repeat(10)}Press r to try again, q to quit.`)
    else this.end(exitCode.lost)
  }

  #pulse({ socket, journal, traffic }: Cast): Pulse {
    const { state, rtt } = socket.status
    const { received, missing } = traffic ?? { received: socket.stats.received, missing: 0 }
    return { state, silentMs: journal.silentMs, rttMs: rtt, echoMs: traffic?.echoMs ?? null, received, missing }
  }

  #redraw(cast: Cast): void {
    const { status } = cast.socket
    const pulse = this.#pulse(cast)
    const keys = keysFor(status.state, cast.network !== undefined)
    this.#screen.status(renderStatus({ status, pulse, strip: this.#strip.text, keys, wall: Date.now() }, this.#options.colours.err))
  }

  #press(pressed: string, { socket, network }: Cast): void {
    const action = keysFor(socket.status.state, network !== undefined).find(({ key }) => key === pressed)?.action
    switch (action?.kind) {
      case 'quit':
        this.end(exitCode.ok)
        return
      case 'reconnect':
        socket.reconnect()
        return
      case 'mishap':
        void network?.suffer(stepsOf(action.mishap, 0, mishapMs), this.#over.signal).catch(this.#fail)
        return
      case undefined:
        return
    }
  }

  #conclude({ socket, network, traffic }: Cast): void {
    const { url, seed, isJson, colours } = this.#options
    const { stats } = socket
    const echo = traffic && { of: 'echo' as const, asked: traffic.asked, answered: traffic.echoes.count, ...quantiles(traffic.echoes) }
    const ping = { of: 'ping' as const, asked: stats.pings, answered: this.#pings.count, ...quantiles(this.#pings) }
    const numbered = network && traffic ? countsOf(network.server.number, traffic) : null
    const sum = this.#tally.sum(performance.now() - this.#startedAt)
    const report: Report = { ...sum, numbered, latency: echo ?? ping, stats }
    this.#screen.status([])
    if (!isJson) this.#screen.words('')
    this.#tell({ event: 'report', ...report })
    this.#screen.words('')
    this.#screen.words(tryNext({ url, seed }, colours.err))
  }
}

function countsOf(lastSent: number, { first, received, missing }: Traffic): Report['numbered'] {
  return { sent: first === undefined ? 0 : lastSent - first + 1, received, missing }
}

function quantiles(histogram: Histogram): { p50Ms: number | null; p99Ms: number | null } {
  return { p50Ms: histogram.quantile(0.5), p99Ms: histogram.quantile(0.99) }
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
