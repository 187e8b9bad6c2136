/** The url and the subprotocols of a socket, as the WHATWG WebSocket constructor takes them. */

import { byteLength } from './data.ts'

const none: readonly string[] = []

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** Names that the session protocol keeps for itself. */
const reserved = /^holdfast\./i

/** WHATWG WebSockets, constructor steps 1 to 8. @throws SyntaxError (DOMException) */
export function parseUrl(url: string | URL): URL {
  const text = String(url)
  let parsed: URL
  try {
    parsed = new URL(text, globalThis.document?.baseURI ?? globalThis.location?.href)
  } catch {
    throw syntaxError(`${JSON.stringify(text)} is not a url; a WebSocket url looks like wss://example.com/path`)
  }
  if (parsed.protocol === 'http:') parsed.protocol = 'ws:'
  if (parsed.protocol === 'https:') parsed.protocol = 'wss:'
  if (parsed.protocol !== 'ws:' && parsed.protocol !== 'wss:')
    throw syntaxError(
      `the scheme of ${JSON.stringify(text)} is ${parsed.protocol.slice(0, -1)}; a WebSocket url begins with ws:// or wss://`,
    )
  if (parsed.hash !== '' || parsed.href.endsWith('#'))
    throw syntaxError(`${JSON.stringify(text)} has a fragment (#…), which a WebSocket url cannot have`)
  return parsed
}

/** WHATWG WebSockets, constructor steps 9 and 10. @throws SyntaxError (DOMException) */
export function parseProtocols(protocols: string | readonly string[] | null | undefined): readonly string[] {
  if (protocols === null || protocols === undefined) return none
  const list = typeof protocols === 'string' ? [protocols] : Array.from(protocols, String)
  for (const [index, protocol] of list.entries()) {
    if (!token.test(protocol))
      throw syntaxError(`${JSON.stringify(protocol)} is not a subprotocol: a name without spaces and separators is`)
    if (reserved.test(protocol))
      throw syntaxError(`the subprotocol ${protocol} is reserved: names that begin with "holdfast." are not for applications`)
    if (list.some((other, at) => at < index && other.toLowerCase() === protocol.toLowerCase()))
      throw syntaxError(`the subprotocol ${protocol} is given twice`)
  }
  return list
}

/** Chosen by a server that speaks the session protocol, for a new session and for one that goes on (PROTOCOL.md section 1). */
const sessionToken = 'holdfast.v1'
const resumptionToken = 'holdfast.v1.resume'
/** Offered where the application asks for no subprotocol: the first token proves nothing, because some servers echo whatever is first. */
const noToken = 'holdfast.off'

export function offerSession(protocols: readonly string[], isResuming: boolean): string[] {
  return [...(protocols.length > 0 ? protocols : [noToken]), isResuming ? resumptionToken : sessionToken]
}

export function speaksSessions(protocol: string): boolean {
  return protocol === sessionToken || protocol === resumptionToken
}

const longestReasonBytes = 123

/** WHATWG WebSockets, close() steps 1 and 2. @throws InvalidAccessError, SyntaxError (DOMException) */
export function checkClose(code: number | undefined, reason: string): void {
  if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999))
    throw new DOMException(`close code ${code} is not for applications; use 1000, or one from 3000 to 4999`, 'InvalidAccessError')
  const bytes = byteLength(reason)
  if (bytes > longestReasonBytes) throw syntaxError(`the close reason has ${bytes} bytes; ${longestReasonBytes} fit into a close frame`)
}

function syntaxError(message: string): DOMException {
  return new DOMException(message, 'SyntaxError')
}
