/** A socket as the flags ask for it. */

import { readFileSync } from 'node:fs'
import { InvalidArgumentError } from 'commander'
import { ReconnectingWebSocket } from 'holdfast'
import { UsageError } from '../usage-error.ts'
import type { Headers } from './header.ts'
import type { LibraryOptions } from './library-option.ts'

export interface DialFlags {
  readonly header?: Headers
  readonly subprotocol: readonly string[]
  readonly option?: LibraryOptions
  readonly ca?: string
  readonly insecure?: boolean
  readonly resume?: boolean
}

/** A person waits at the end: shorter than the library's. */
const closeTimeoutMs = 2_000

/** Not started yet. @throws UsageError for what the library will not take */
export function openSocket(url: string, { header, subprotocol, option, ca, insecure, resume }: DialFlags): ReconnectingWebSocket {
  const wsOptions = { ...(ca !== undefined && { ca: readCertificate(ca) }), ...(insecure && { rejectUnauthorized: false }) }
  const options = {
    closeTimeout: closeTimeoutMs,
    ...option,
    ...(header && { headers: header }),
    ...(resume && { resume }),
    wsOptions,
    autoStart: false,
  }
  try {
    return new ReconnectingWebSocket(url, [...subprotocol], options)
  } catch (error) {
    const { message, name } = error as Error
    const flag = name === 'SyntaxError' ? '--subprotocol' : message.startsWith('option resume ') ? '--resume' : '--option'
    throw new UsageError(`${flag}: ${message}`, { cause: error })
  }
}

/** For commander. */
export function parseSocketUrl(text: string): string {
  try {
    return checkedUrl(text)
  } catch (error) {
    const { message } = error as Error
    const hint = !text.includes('://') && isUrl(`ws://${text}`) ? `. Did you mean ws://${text}?` : ''
    throw new InvalidArgumentError(`${message}${hint}`)
  }
}

function readCertificate(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`--ca ${file}: ${(error as Error).message}`, { cause: error })
  }
}

/** The rules are the library's; this one never dials. */
function checkedUrl(text: string): string {
  return new ReconnectingWebSocket(text, [], { autoStart: false }).url
}

function isUrl(text: string): boolean {
  try {
    return checkedUrl(text) !== ''
  } catch {
    return false
  }
}
