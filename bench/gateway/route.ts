/** One backend, and all ways to it. */

import { Child } from './child.ts'
import { cpuTimeUs } from './cpu-time.ts'
import { PlainProxy } from './plain-proxy.ts'
import { direct, haproxy, nginx, plain, session, type Way } from './subject.ts'

interface Stop {
  readonly port: number
  /** Whose CPU counts; nobody's where there is nothing on the way. */
  readonly pid: number | undefined
}

export class Routes implements AsyncDisposable {
  readonly #stops: { readonly [way in Way]: Stop }
  readonly #opened: AsyncDisposableStack

  static async open(build: string): Promise<Routes> {
    await using opened = new AsyncDisposableStack()
    const backend = opened.use(await Child.start<number>({ kind: 'backend' }))
    const upstreamPort = backend.begun
    const gateway = opened.use(await startGateway(build, upstreamPort))
    const throughGateway = { port: gateway.begun, pid: gateway.pid }
    return new Routes(
      {
        [direct]: { port: upstreamPort, pid: undefined },
        [haproxy]: opened.use(await PlainProxy.start('haproxy', upstreamPort)),
        [nginx]: opened.use(await PlainProxy.start('nginx', upstreamPort)),
        [plain]: throughGateway,
        [session]: throughGateway,
      },
      opened.move(),
    )
  }

  private constructor(stops: { readonly [way in Way]: Stop }, opened: AsyncDisposableStack) {
    this.#stops = stops
    this.#opened = opened
  }

  portOf(way: Way): number {
    return this.#stops[way].port
  }

  /** What the process on the way has used so far. */
  cpuUs(way: Way): number {
    const { pid } = this.#stops[way]
    return pid === undefined ? 0 : cpuTimeUs(pid)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.disposeAsync()
  }
}

export function startGateway(build: string, upstreamPort: number, flags: readonly string[] = []): Promise<Child<number>> {
  return Child.start<number>({ kind: 'gateway', build, upstreamPort }, flags)
}
