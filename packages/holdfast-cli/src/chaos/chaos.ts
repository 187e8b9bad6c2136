/** A proxy in front of a server, and everything that tells it what to break: a plan, the control port, the keyboard. */

import { once } from 'node:events'
import type { Colours } from '../colour.ts'
import { type ExitCode, exitCode } from '../exit-code.ts'
import { type Endpoint, renderEndpoint } from '../fault/endpoint.ts'
import { type Fault, FaultProxy, type FaultProxyOptions, type FaultRecord, renderDuration } from '../fault/index.ts'
import { renderNdjson } from '../ndjson.ts'
import { readKeys } from '../terminal/keyboard.ts'
import type { Screen } from '../terminal/screen.ts'
import { UsageError } from '../usage-error.ts'
import { Condition } from './condition.ts'
import { ControlServer } from './control-server.ts'
import { keysFor } from './key.ts'
import { renderLine } from './line.ts'
import { carryOut, type Plan } from './plan.ts'

export interface ChaosOptions {
  readonly proxy: FaultProxyOptions & { readonly host: string; readonly port: number }
  readonly plan: Plan
  readonly control: Endpoint | undefined
  /** Infinity: until somebody ends it. */
  readonly durationMs: number
  readonly isJson: boolean
  readonly colours: Colours
}

export class Chaos {
  readonly #options: ChaosOptions
  readonly #screen: Screen
  readonly #condition = new Condition()
  /** Aborts when it is to end. */
  readonly #over = new AbortController()

  constructor(options: ChaosOptions, screen: Screen) {
    this.#options = options
    this.#screen = screen
  }

  end(): void {
    this.#over.abort()
  }

  /** @throws UsageError when the proxy or its control port cannot listen */
  async run(): Promise<ExitCode> {
    const proxy = await this.#listen()
    try {
      const control = await this.#openControl(proxy)
      try {
        return await this.#endure(proxy, control)
      } finally {
        await control?.close()
      }
    } finally {
      await proxy.close()
      this.#screen.status([])
    }
  }

  async #listen(): Promise<FaultProxy> {
    const { proxy } = this.#options
    try {
      return await FaultProxy.listen({ ...proxy, log: (record) => this.#tell(record) })
    } catch (error) {
      throw new UsageError(`--listen ${renderEndpoint(proxy)}: ${(error as Error).message}`, { cause: error })
    }
  }

  async #openControl(proxy: FaultProxy): Promise<ControlServer | undefined> {
    const { control } = this.#options
    return control && (await ControlServer.listen({ listen: control, proxy, condition: this.#condition }))
  }

  async #endure(proxy: FaultProxy, control: ControlServer | undefined): Promise<ExitCode> {
    const { plan, durationMs, isJson } = this.#options
    const { signal } = this.#over
    const over = signal.aborted ? undefined : once(signal, 'abort')
    if (isJson)
      this.#screen.data(renderNdjson({ at: Date.now(), elapsedMs: 0, event: 'begin', ...begun(plan), control: control?.url ?? null }))
    else for (const line of this.#introduction(control)) this.#screen.words(line)
    if (durationMs < Infinity) {
      const timer = setTimeout(() => this.end(), durationMs)
      signal.addEventListener('abort', () => clearTimeout(timer))
    }
    if (this.#screen.isLive) this.#attend(proxy)
    const planned = carryOut(plan, proxy, signal).catch((error: unknown) => this.#fail(error))
    await over
    return (await planned) ?? exitCode.ok
  }

  #introduction(control: ControlServer | undefined): string[] {
    const { plan, durationMs } = this.#options
    return [
      ...planText(plan),
      ...(control === undefined ? [] : [`control ${control.url}  (curl -X POST ${control.url}/reset; curl ${control.url}/status)`]),
      ...(durationMs < Infinity ? [`ends    in ${renderDuration(durationMs)}`] : []),
    ]
  }

  /** The keyboard, and a status line that says what it does. */
  #attend(proxy: FaultProxy): void {
    const { signal } = this.#over
    const redraw = (): void => this.#screen.status(this.#statusLine(proxy))
    readKeys((pressed) => {
      const key = keysFor(this.#condition).find(({ key }) => key === pressed)
      if (key?.fault) void this.#apply(proxy, key.fault)
      else if (key) this.end()
    }, signal)
    const timer = setInterval(redraw, redrawEveryMs)
    signal.addEventListener('abort', () => clearInterval(timer))
    redraw()
  }

  async #apply(proxy: FaultProxy, fault: Fault): Promise<void> {
    await proxy.apply(fault).catch((error: unknown) => this.#screen.words(`error: ${(error as Error).message}`))
  }

  #statusLine(proxy: FaultProxy): string[] {
    const { colours } = this.#options
    const { connections, stats } = proxy
    return [
      keysFor(this.#condition)
        .map(({ key, label }) => `${colours.bold(key)} ${colours.dim(label)}`)
        .join('  '),
      `${connections} connected`,
      `${stats.bytesUp} B up`,
      `${stats.bytesDown} B down`,
    ]
  }

  #tell(record: FaultRecord): void {
    const { isJson, colours } = this.#options
    this.#condition.receive(record)
    if (isJson) this.#screen.data(renderNdjson(record))
    else this.#screen.words(renderLine(record, colours))
  }

  #fail(error: unknown): ExitCode {
    this.#screen.words(`error: ${(error as Error).message}`)
    this.end()
    return exitCode.lost
  }
}

const redrawEveryMs = 200

function planText(plan: Plan): string[] {
  switch (plan.name) {
    case 'quiet':
      return []
    case 'schedule':
      return [`plan    ${plan.file}, ${plan.schedule.length} steps`]
    case 'random': {
      const kinds = plan.kinds?.join(', ') ?? 'all kinds'
      return [`plan    random faults (${kinds}), ${renderDuration(plan.meanGapMs)} apart on average; repeat them with --seed ${plan.seed}`]
    }
  }
}

function begun(plan: Plan): object {
  return plan.name === 'random' ? { plan: plan.name, seed: plan.seed, meanGapMs: plan.meanGapMs } : { plan: plan.name }
}
