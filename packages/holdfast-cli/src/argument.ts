/** Values of flags: each of these reads one kind of text, or says what is accepted. Commander adds the flag and the value. */

import { InvalidArgumentError } from 'commander'
import { byteSizeHint, parseByteSize } from './fault/byte-size.ts'
import { durationHint } from './fault/duration.ts'
import { type Endpoint, parseDuration } from './fault/index.ts'

const maxPort = 65_535
const defaultHost = '127.0.0.1'

/** Milliseconds. */
export function duration(text: string): number {
  return parseDuration(text) ?? refuse(`Accepted is ${durationHint}.`)
}

/** A duration that something can be repeated at. */
export function period(text: string): number {
  return duration(text) || refuse(`Accepted is ${durationHint}, and not 0.`)
}

export function durationOrForever(text: string): number {
  return text === 'forever' ? Infinity : (parseDuration(text) ?? refuse(`Accepted is ${durationHint}, or "forever".`))
}

export function byteSize(maxBytes: number): (text: string) => number {
  return (text) => parseByteSize(text, maxBytes) ?? refuse(`Accepted is ${byteSizeHint}.`)
}

export function wholeNumber(max: number): (text: string) => number {
  return (text) => (/^\d+$/.test(text) && Number(text) <= max ? Number(text) : refuse(`Accepted is a whole number from 0 to ${max}.`))
}

/** `8080`, `:8080`, `0.0.0.0:8080`, `[::1]:8080`; port 0 is any free one. */
export function listenAddress(text: string): Endpoint {
  return (
    parseListenAddress(text) ??
    refuse(`Accepted is a port from 0 (any free one) to ${maxPort}, or host:port, such as 8080, 0.0.0.0:8080 or [::1]:8080.`)
  )
}

/** A host that is left out is this machine alone. */
export function parseListenAddress(text: string): Endpoint | undefined {
  const [, host = '', port] = /^(?:([^:[\]\s/]*|\[[\da-f:.]+\]):)?(\d{1,5})$/i.exec(text) ?? []
  if (port === undefined || Number(port) > maxPort) return undefined
  return { host: host.replace(/^\[|\]$/g, '') || defaultHost, port: Number(port) }
}

function refuse(what: string): never {
  throw new InvalidArgumentError(what)
}
