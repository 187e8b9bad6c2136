/** The subprotocols that a client offers, and which of them are ours (PROTOCOL.md section 1). */

import type { IncomingMessage } from 'node:http'

const newToken = 'holdfast.v1'
const resumeToken = 'holdfast.v1.resume'
const reservedPrefix = 'holdfast.'

/** What a client that speaks the protocol asks for. */
export interface Offer {
  readonly token: string
  readonly isResuming: boolean
}

const beginning: Offer = { token: newToken, isResuming: false }
const resumption: Offer = { token: resumeToken, isResuming: true }

/** @returns undefined for a client that does not speak */
export function readOffer(request: IncomingMessage): Offer | undefined {
  const header = request.headers['sec-websocket-protocol']
  if (!header?.includes(reservedPrefix)) return undefined
  const token = readProtocols(request).find(isOurs)
  if (token === undefined) return undefined
  return token === resumeToken ? resumption : beginning
}

/** All that the client offers. */
export function readProtocols({ headers }: IncomingMessage): string[] {
  return headers['sec-websocket-protocol']?.split(',').map(trim) ?? []
}

/** What the application may choose from. */
export function withoutReserved(protocols: Iterable<string>): Set<string> {
  return new Set([...protocols].filter((each) => !each.startsWith(reservedPrefix)))
}

function isOurs(token: string): boolean {
  return token === newToken || token === resumeToken
}

function trim(text: string): string {
  return text.trim()
}
