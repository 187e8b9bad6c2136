/** Options of the library as `key=value`; what each may be, the library itself checks. */

import { InvalidArgumentError } from 'commander'
import { parseByteSize } from '../fault/byte-size.ts'
import { parseDuration } from '../fault/index.ts'

export type LibraryOptions = Readonly<Record<string, unknown>>

/** Those whose value is a text, whatever it looks like. */
const texts: readonly string[] = ['heartbeat.message', 'name']

/** Adds one more, such as `heartbeat.interval=5s` or `retry=false`. */
export function addLibraryOption(text: string, before: LibraryOptions = {}): LibraryOptions {
  const [, key = '', value = ''] = /^([^=]+)=(.*)$/s.exec(text) ?? []
  if (key === '') throw new InvalidArgumentError('Accepted is key=value, such as heartbeat.interval=5s or retry.maxRetries=3.')
  const [group = '', ...rest] = key.split('.')
  if (rest.length === 0) return { ...before, [group]: parseValue(key, value) }
  const fields = before[group] ?? {}
  if (typeof fields !== 'object') throw new InvalidArgumentError(`${group} is ${fields} already.`)
  return { ...before, [group]: { ...fields, [rest.join('.')]: parseValue(key, value) } }
}

/** A number, milliseconds of a duration, bytes of a size, a truth value, else the text itself. */
function parseValue(key: string, text: string): unknown {
  if (texts.includes(key)) return text
  if (text === 'true' || text === 'false') return text === 'true'
  if (/^-?\d+(?:\.\d+)?$/.test(text) || text === 'Infinity') return Number(text)
  return parseDuration(text) ?? parseByteSize(text, Number.MAX_SAFE_INTEGER) ?? text
}
