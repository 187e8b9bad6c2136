/** A socket as the flags ask for it. */

import { readFileSync } from 'node:fs'
import { InvalidArgumentError } from 'commander'
import { ReconnectingWebSocket } from 'holdfast'
import { UsageError } from '../usage-error.ts'
import type { Headers } from './header.ts'
import type { LibraryOptions } from './library-option.ts'
import type { WindowLimits } from './send-window.ts'

export interface DialFlags {
  readonly header?: Headers
  readonly subprotocol: readonly string[]
  readonly option?: LibraryOptions
  readonly ca?: string
  readonly insecure?: boolean
  readonly resume?: boolean
}

/** A person waits at the end: shorter than the library's. A session may need a fresh link for its goodbye. */
const closeTimeoutMs = 2_000
const sessionCloseTimeoutMs = 10_000
/** A plain link takes one message after the other, a session is told of many at once that they arrived. */
const plainWindow: WindowLimits = { maxMessages: 1, maxBytes: Infinity }
const sessionWindow: WindowLimits = { maxMessages: 4_096, maxBytes: 1024 * 1024 }

/** Not started yet. @param signal ends it without a goodbye @throws UsageError for what the library will not take */
export function openSocket(url: string, flags: DialFlags, signal: AbortSignal): ReconnectingWebSocket {
  const { header, subprotocol, option, ca, insecure } = flags
  const resume = keepsSessions(flags)
  const wsOptions = { ...(ca !== undefined && { ca: readCertificate(ca) }), ...(insecure && { rejectUnauthorized: false }) }
  const options = {
    closeTimeout: resume ? sessionCloseTimeoutMs : closeTimeoutMs,
    ...option,
    ...(header && { headers: header }),
    ...(resume && { resume }),
    wsOptions,
    signal,
    autoStart: false,
  }
  try {
    return new ReconnectingWebSocket(url, [...subprotocol], options)
  } catch (error) {
    const { message, name } = error as Error
    throw new UsageError(`${name === 'SyntaxError' ? '--subprotocol' : '--option'}: ${message}`, { cause: error })
  }
}

/** How much may be under way at once. Never more than the outbox takes: what waits for room in it may be overtaken. */
export function windowOf(flags: DialFlags): WindowLimits {
  if (!keepsSessions(flags)) return plainWindow
  const { outbox } = flags.option ?? {}
  const room = (outbox ?? {}) as Partial<WindowLimits>
  const { maxMessages, maxBytes } = sessionWindow
  return { maxMessages: Math.min(maxMessages, room.maxMessages ?? Infinity), maxBytes: Math.min(maxBytes, room.maxBytes ?? Infinity) }
}

/** Whether sessions are to outlive their links. */
export function keepsSessions({ resume, option = {} }: DialFlags): boolean {
  const { resume: chosen } = option
  return resume ?? chosen === true
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
