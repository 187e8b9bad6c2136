/**
 * The headers of a client's request that its backend sees.
 *
 * Only what is named goes through, so nothing that concerns one hop does (RFC 9110 section 7.6.1). Where the request came from is said by
 * the gateway itself; what the request says of that is believed only as far as it was said by proxies that are trusted.
 */

import type { IncomingMessage } from 'node:http'
import type { Trust } from './trust.ts'

const always: readonly string[] = ['cookie', 'authorization', 'user-agent', 'origin']
const ofOneHop = ['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'http2-settings']
const ofTheHandshake = ['host', 'content-length', 'expect', 'proxy-authorization', 'proxy-authenticate']
const token = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/

export interface HeaderRules {
  readonly names: readonly string[]
  readonly trust: Trust
}

/** @throws TypeError for a header that the gateway makes itself, or that concerns one hop only */
export function headerRules(forwardHeaders: readonly string[], trust: Trust): HeaderRules {
  for (const name of forwardHeaders) {
    const why = whyNot(name.toLowerCase())
    if (why) throw new TypeError(`option forwardHeaders has ${JSON.stringify(name)}, which ${why}`)
  }
  return { names: [...new Set([...always, ...forwardHeaders.map((name) => name.toLowerCase())])], trust }
}

export function forwardedHeaders(request: IncomingMessage, { names, trust }: HeaderRules): Record<string, string> {
  const given = request.headers
  const forThisHop = listOf(given.connection).map((name) => name.toLowerCase())
  const headers: Record<string, string> = {}
  for (const name of names) {
    const value = given[name]
    if (value !== undefined && !forThisHop.includes(name)) headers[name] = String(value)
  }
  const isTrusted = trust.has(peerOf(request))
  const say = (name: string, own: string | undefined) => {
    const value = (isTrusted && (given[name] as string | undefined)) || own
    if (value) headers[name] = value
  }
  say('x-forwarded-proto', (request.socket as { encrypted?: boolean }).encrypted ? 'https' : 'http')
  say('x-forwarded-host', given.host)
  const chain = chainOf(request, trust)
  if (chain.length > 0) headers['x-forwarded-for'] = chain.join(', ')
  return headers
}

/** What tells of a request where it came from. */
type Origin = Pick<IncomingMessage, 'headers' | 'socket'>

/** Where a request came from, as far as that is believed; undefined on a Unix socket where nobody says it. */
export function clientAddress(request: Origin, trust: Trust): string | undefined {
  return chainOf(request, trust)[0]
}

/** From the client to whoever is at the other end of the connection. */
function chainOf(request: Origin, trust: Trust): readonly string[] {
  const peer = peerOf(request)
  const hops = trust.has(peer) ? believed(listOf(request.headers['x-forwarded-for'] as string | undefined), trust) : []
  return peer === undefined ? hops : [...hops, peer]
}

function peerOf(request: Origin): string | undefined {
  return withoutMapping(request.socket.remoteAddress)
}

/** From the nearest hop back to the first that is not trusted: whatever stands before that one, it may have made up. */
function believed(hops: readonly string[], trust: Trust): readonly string[] {
  let first = hops.length - 1
  while (first > 0 && trust.has(withoutMapping(hops[first]))) first--
  return hops.slice(Math.max(0, first))
}

function whyNot(name: string): string | undefined {
  if (!token.test(name)) return 'is no name of a header'
  if (ofOneHop.includes(name) || ofTheHandshake.includes(name)) return 'concerns one hop only'
  if (name.startsWith('sec-websocket-')) return 'belongs to the handshake, and each hop has its own'
  if (name.startsWith('x-forwarded-') || name === 'forwarded') return 'only the gateway says; see trustProxies'
  return undefined
}

function listOf(header: string | undefined): string[] {
  return (header ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
}

/** An IPv4 address as a socket of both families shows it. */
function withoutMapping(address: string | undefined): string | undefined {
  return address?.replace(/^::ffff:(?=\d+\.)/i, '')
}
