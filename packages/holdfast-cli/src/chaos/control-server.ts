/** The control port: faults on demand over HTTP, for scripts and for tests in any language. */

import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Endpoint, renderEndpoint } from '../fault/endpoint.ts'
import type { FaultProxy } from '../fault/index.ts'
import { UsageError } from '../usage-error.ts'
import type { Condition } from './condition.ts'
import { controlPaths, faultOf, isFaultPath, statusPath, suggestPath } from './control-route.ts'

export interface ControlOptions {
  readonly listen: Endpoint
  readonly proxy: FaultProxy
  readonly condition: Condition
}

interface Answer {
  readonly status: number
  readonly body: object
  readonly allow?: string
}

export class ControlServer {
  readonly #proxy: FaultProxy
  readonly #condition: Condition
  readonly #http: Server

  /** @throws UsageError when the address cannot be listened on */
  static async listen(options: ControlOptions): Promise<ControlServer> {
    const control = new ControlServer(options)
    control.#http.listen(options.listen)
    try {
      await once(control.#http, 'listening')
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      const problem = code === 'EADDRINUSE' ? 'this port is already in use; choose another with --control' : message
      throw new UsageError(`--control ${renderEndpoint(options.listen)}: ${problem}`, { cause: error })
    }
    return control
  }

  private constructor({ proxy, condition }: ControlOptions) {
    this.#proxy = proxy
    this.#condition = condition
    this.#http = createServer((request, response) => void this.#receive(request, response))
  }

  get url(): string {
    const { address, port } = this.#http.address() as AddressInfo
    return `http://${renderEndpoint({ host: address, port })}`
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#http.close(resolve))
    this.#http.closeAllConnections()
    await closed
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.resume()
    const { status, body, allow } = await this.#answer(request)
    const headers = { 'Content-Type': 'application/json', ...(allow === undefined ? {} : { Allow: allow }) }
    response.writeHead(status, headers).end(`${JSON.stringify(body, null, 2)}\n`)
  }

  async #answer({ method, url = '/' }: IncomingMessage): Promise<Answer> {
    const [path = '', query = ''] = url.split('?', 2)
    const verb = isFaultPath(path) ? 'POST' : path === statusPath ? 'GET' : undefined
    if (verb === undefined) return unknownPath(path)
    if (method !== verb) return { status: 405, body: { error: `${path} is for ${verb}, not for ${method}` }, allow: verb }
    if (verb === 'GET') return { status: 200, body: this.#status() }
    try {
      const fault = faultOf(path, new URLSearchParams(query))
      await this.#proxy.apply(fault)
      return { status: 200, body: { fault, ...this.#status() } }
    } catch (error) {
      return { status: error instanceof TypeError ? 400 : 409, body: { error: (error as Error).message } }
    }
  }

  #status(): object {
    const { url, connections, shape, stats } = this.#proxy
    const { isRefusing, frozen = null } = this.#condition
    return { url, connections, isRefusing, frozen, shape, stats }
  }
}

function unknownPath(path: string): Answer {
  const suggestion = suggestPath(path)
  const hint = suggestion === undefined ? '' : ` (did you mean ${suggestion}?)`
  return { status: 404, body: { error: `there is no ${path}${hint}`, paths: controlPaths } }
}
