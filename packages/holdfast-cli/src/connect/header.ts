/** Headers of the handshake, as `Name: value`. */

import { validateHeaderName, validateHeaderValue } from 'node:http'
import { InvalidArgumentError } from 'commander'

export type Headers = Readonly<Record<string, string>>

/** What the handshake itself says. */
const reserved = /^(?:sec-websocket-(?:key|version|protocol|extensions|accept)|upgrade|connection)$/i

/** Adds one more; a name that was there already has both values then. */
export function addHeader(text: string, before: Headers = {}): Headers {
  const [, name = '', value = ''] = /^\s*([^:]*?)\s*:\s*(.*?)\s*$/s.exec(text) ?? []
  if (name === '') throw new InvalidArgumentError(`Accepted is 'Name: value', such as 'Authorization: Bearer …'.`)
  if (reserved.test(name))
    throw new InvalidArgumentError(`${name} belongs to the handshake${name.endsWith('ocol') ? '; use --subprotocol' : ''}.`)
  try {
    validateHeaderName(name)
    validateHeaderValue(name, value)
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`)
  }
  const known = Object.keys(before).find((each) => each.toLowerCase() === name.toLowerCase())
  if (known === undefined) return { ...before, [name]: value }
  const separator = name.toLowerCase() === 'cookie' ? '; ' : ', '
  return { ...before, [known]: `${before[known]}${separator}${value}` }
}
