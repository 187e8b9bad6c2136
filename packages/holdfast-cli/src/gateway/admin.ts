/**
 * The admin listener: health, metrics and the sessions, for whoever runs the gateway. It is reached from this machine only, unless the
 * configuration says otherwise; but so is it by every page in a browser there. A page may send requests and resolve a name of its own to this
 * address, so the name that is asked for is checked, and nothing is changed for a request that has an Origin.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { isIP } from 'node:net'
import { suggestWord } from '../fault/suggestion.ts'
import { renderNdjson } from '../ndjson.ts'

export interface AdminOptions {
  /** Names that it answers to, besides localhost. */
  readonly hosts: readonly string[]
  readonly readiness: () => Readiness
  readonly sessions: () => readonly object[]
  readonly metrics: () => Promise<{ readonly type: string; readonly text: string }>
  /** Begins to drain, and goes on as SIGTERM does; called again it changes nothing. */
  readonly drain: () => void
}

export type Readiness = 'starting' | 'ready' | 'draining'

interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

const plain = 'text/plain; charset=utf-8'
const json = 'application/json; charset=utf-8'

export function createAdmin(options: AdminOptions): Server {
  return createServer((request, response) => {
    request.resume()
    respond(request, options).then(
      (answer) => send(response, answer),
      (error: Error) => send(response, text(500, error.message)),
    )
  })
}

type Endpoint = { readonly method: 'GET' | 'POST'; readonly answer: (options: AdminOptions) => Answer | Promise<Answer> }

const endpoints: Readonly<Record<string, Endpoint>> = {
  '/livez': { method: 'GET', answer: () => text(200, 'alive') },
  '/readyz': { method: 'GET', answer: ({ readiness }) => text(readiness() === 'ready' ? 200 : 503, readiness()) },
  '/metrics': {
    method: 'GET',
    answer: async ({ metrics }) => {
      const { type, text: body } = await metrics()
      return { status: 200, type, body }
    },
  },
  '/api/sessions': { method: 'GET', answer: ({ sessions }) => record(200, { sessions: sessions() }) },
  '/api/drain': {
    method: 'POST',
    answer: ({ drain, readiness }) => {
      drain()
      return record(202, { state: readiness() })
    },
  },
}
const paths = Object.keys(endpoints)

async function respond({ headers, method = 'GET', url = '/' }: IncomingMessage, options: AdminOptions): Promise<Answer> {
  if (!isOurs(headers.host, options.hosts))
    return text(403, `this listener does not answer to ${headers.host}; ask for its address or localhost, or name it with --admin-host`)
  const [path = '/'] = url.split('?', 1)
  const endpoint = Object.hasOwn(endpoints, path) ? endpoints[path] : undefined
  if (endpoint === undefined) {
    const meant = suggestWord(path, paths)
    return text(404, `there is no ${path}; there are ${paths.join(', ')}${meant === undefined ? '' : ` (did you mean ${meant}?)`}`)
  }
  const isAllowed = method === endpoint.method || (method === 'HEAD' && endpoint.method === 'GET')
  if (!isAllowed) return { ...text(405, `${path} takes ${endpoint.method}, not ${method}`), headers: { Allow: endpoint.method } }
  if (endpoint.method === 'POST' && headers.origin !== undefined)
    return text(403, `${path} is not for pages in a browser, and this request has the Origin ${headers.origin}`)
  return endpoint.answer(options)
}

/** A browser always says which host it asks for. An address cannot be made to lead elsewhere, as a name can. */
function isOurs(host: string | undefined, names: readonly string[]): boolean {
  if (host === undefined) return true
  const [, name = ''] = /^(\[[^\]]*\]|[^:]*)(?::\d+)?$/.exec(host.toLowerCase()) ?? []
  return isIP(name.replace(/^\[|\]$/g, '')) !== 0 || name === 'localhost' || names.includes(name)
}

function text(status: number, body: string): Answer {
  return { status, type: plain, body: `${body}\n` }
}

function record(status: number, body: object): Answer {
  return { status, type: json, body: `${renderNdjson(body)}\n` }
}

function send(response: ServerResponse, { status, type, body, headers }: Answer): void {
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'Cross-Origin-Resource-Policy': 'same-origin',
    ...headers,
  })
  // Node leaves out the body of an answer to HEAD.
  response.end(body)
}
