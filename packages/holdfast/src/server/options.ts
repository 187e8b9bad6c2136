/** The options of a server: their defaults, and what each may be. Those of `ws` are passed on to it, which knows what they may be. */

import type { IncomingMessage } from 'node:http'
import { addressOf } from './address.ts'
import { type Clock, systemClock } from './clock.ts'
import type { DrainOptions } from './drain.ts'
import type { ShutdownOptions } from './graceful-shutdown.ts'
import type { Logger } from './journal.ts'
import type { SessionSocket } from './session-socket.ts'

export interface SessionOptions {
  /** Milliseconds that a session is kept whose client is away. @default 300_000 */
  ttl?: number | undefined
  /** What a session may hold of messages that its client has not acknowledged, in bytes: a few of the largest messages. @default 4 MiB */
  maxBytes?: number | undefined
  /** And in messages. @default 4_096 */
  maxMessages?: number | undefined
  /** What a message too many does: end the session with 1013, or throw. @default 'close' */
  overflow?: 'close' | 'throw' | undefined
  /** Sessions that are kept; a new one beyond them is told `busy`. @default 100_000 */
  maxSessions?: number | undefined
  /** Sessions of one principal, as `authenticate` names it; one more is told `busy`. @default 1_000 */
  maxPerPrincipal?: number | undefined
  /** Bytes that all sessions together may hold. Beyond them new ones are refused and those without a link expire, the largest first. @default 256 MiB */
  maxTotalBytes?: number | undefined
}

export interface ServerHeartbeatOptions {
  /** Milliseconds of silence before a ping. @default 30_000 */
  interval?: number | undefined
  /** Milliseconds that the answer may take. @default 10_000 */
  timeout?: number | undefined
}

export interface AdmissionOptions {
  /** Clients that are taken a second: sessions that begin or are resumed, and plain ones. @default 1_000 */
  ratePerSecond?: number | undefined
  /** Slots that are given away ahead; who comes on top of them is told to wait longer. @default 100_000 */
  maxPending?: number | undefined
}

export interface LimitOptions {
  /** Upgrades that wait for `verifyClient` or `authenticate`; one more is answered with 503. @default 1_000 */
  maxHandshakes?: number | undefined
  /** Sessions and plain sockets of one address; one more is answered with 429. @default Infinity */
  maxPerAddress?: number | undefined
  /** Which address that is. @default of the TCP connection: an IPv4 address, or the first 64 bits of an IPv6 address */
  addressOf?: ((request: IncomingMessage) => string) | undefined
}

export type Origins = readonly (string | RegExp)[] | ((origin: string, request: IncomingMessage) => boolean)

export interface HoldfastOptions {
  /** False: every client gets a plain socket of `ws`. */
  session?: false | SessionOptions | undefined
  /** @default { interval: 30_000, timeout: 10_000 } */
  heartbeat?: false | ServerHeartbeatOptions | undefined
  /** How many clients are taken at once; who is refused is told when to come again. `{}` is a thousand a second. @default false */
  admission?: false | AdmissionOptions | undefined
  limits?: LimitOptions | undefined
  /** Milliseconds that a write may make no progress. @default 10_000 */
  writeTimeout?: number | undefined
  /** Milliseconds that a client may take to answer a close. @default 10_000 */
  closeTimeout?: number | undefined
  /** Who may connect from a page. Asked for each upgrade that has an `Origin`; a RegExp has to match all of it. */
  origins?: Origins | undefined
  /**
   * Who the client is. Asked for each upgrade, also to resume; throw a Refusal to refuse. Two results are one principal if they are the
   * same string or number, or have the same `id`; a session is resumed by its own principal only. `resuming` is what the client says that
   * it wants: if that session is lost, a new one may begin on the same link, and nobody is asked again.
   */
  authenticate?: ((request: IncomingMessage, info: { resuming: boolean }) => unknown) | undefined
  logger?: Logger | undefined
  /** Names the server in logs. */
  name?: string | undefined
  clock?: Clock | undefined
}

export interface ResolvedOptions {
  readonly session: {
    readonly isOn: boolean
    readonly ttl: number
    readonly maxBytes: number
    readonly maxMessages: number
    readonly overflow: 'close' | 'throw'
    readonly maxSessions: number
    readonly maxPerPrincipal: number
    readonly maxTotalBytes: number
  }
  readonly heartbeat: { readonly isOn: boolean; readonly interval: number; readonly timeout: number }
  readonly admission: { readonly isOn: boolean; readonly ratePerSecond: number; readonly maxPending: number }
  readonly limits: {
    readonly maxHandshakes: number
    readonly maxPerAddress: number
    readonly addressOf: (request: IncomingMessage) => string
  }
  readonly writeTimeout: number
  readonly closeTimeout: number
  readonly origins?: Origins
  readonly authenticate?: (request: IncomingMessage, info: { resuming: boolean }) => unknown
  readonly logger?: Logger
  readonly name?: string
  readonly clock: Clock
}

/** Those of `ws`, by name. */
const wsOptionNames: readonly string[] = [
  'allowSynchronousEvents',
  'autoPong',
  'backlog',
  'clientTracking',
  'handleProtocols',
  'host',
  'maxBufferedChunks',
  'maxFragments',
  'maxPayload',
  'maxPendingAutoPongs',
  'noServer',
  'path',
  'perMessageDeflate',
  'port',
  'server',
  'skipUTF8Validation',
  'verifyClient',
  'WebSocket',
]

export interface Rule {
  readonly isValid: (value: any) => boolean
  readonly text: string
  readonly preset?: unknown
  /** What the group holds; it may also be false, which is told as `isOn`. */
  readonly fields?: Rules
}
export type Rules = { readonly [option: string]: Rule }

const mebibyte = 1024 * 1024
/** What other platforms can wait for, and what a number in a frame may be. */
const longestMs = 2 ** 31 - 1
/** Without a heartbeat a ping is twelve days away. */
const neverMs = 2 ** 30

/** Above this there is less than a microsecond for each. */
const mostPerSecond = 1_000_000

const isPositive = (value: unknown) => typeof value === 'number' && value > 0
const isFunction = (value: unknown) => typeof value === 'function'
const isObject = (value: unknown) => typeof value === 'object' && value !== null

export const milliseconds = (preset: number): Rule => ({
  isValid: (value) => isPositive(value) && value <= longestMs,
  text: `a number of milliseconds above 0 and up to ${longestMs}`,
  preset,
})
const rate = (preset?: number): Rule => ({
  isValid: (value) => isPositive(value) && value <= mostPerSecond,
  text: `a number of clients a second above 0 and up to ${mostPerSecond}`,
  preset,
})
export const limit = (preset: number): Rule => ({ isValid: isPositive, text: 'a number above 0, or Infinity', preset })
const isGroup = (value: unknown) => isObject(value) && !Array.isArray(value)
export const group = (fields: Rules, preset: false | undefined = undefined): Rule => ({
  isValid: (value) => value === false || isGroup(value),
  text: 'an object of options, or false',
  preset,
  fields,
})

/** The table in the guide is made from this one. */
export const serverRules: Rules = {
  session: group({
    ttl: milliseconds(300_000),
    maxBytes: limit(4 * mebibyte),
    maxMessages: limit(4_096),
    overflow: { isValid: (value) => value === 'close' || value === 'throw', text: `'close' or 'throw'`, preset: 'close' },
    maxSessions: limit(100_000),
    maxPerPrincipal: limit(1_000),
    maxTotalBytes: limit(256 * mebibyte),
  }),
  heartbeat: group({ interval: milliseconds(30_000), timeout: milliseconds(10_000) }),
  admission: group({ ratePerSecond: rate(1_000), maxPending: limit(100_000) }, false),
  limits: {
    isValid: isGroup,
    text: 'an object of options',
    fields: {
      maxHandshakes: limit(1_000),
      maxPerAddress: limit(Infinity),
      addressOf: { isValid: isFunction, text: 'a function', preset: addressOf },
    },
  },
  writeTimeout: milliseconds(10_000),
  closeTimeout: milliseconds(10_000),
  origins: {
    isValid: (value) =>
      isFunction(value) || (Array.isArray(value) && value.every((each) => typeof each === 'string' || each instanceof RegExp)),
    text: 'an array of origins (strings, RegExps), or a function',
  },
  authenticate: { isValid: isFunction, text: 'a function' },
  logger: {
    isValid: (value) => ['debug', 'info', 'warn', 'error'].every((level) => isFunction(value?.[level])),
    text: 'an object with debug, info, warn and error',
  },
  name: { isValid: (value) => typeof value === 'string', text: 'a string' },
  clock: {
    isValid: (value) => ['now', 'wall', 'random', 'setTimer', 'clearTimer'].every((part) => isFunction(value?.[part])),
    text: 'an object with now, wall, random, setTimer and clearTimer',
    preset: systemClock,
  },
}

const leavingRules: Rules = { rate: rate(), timeout: milliseconds(25_000) }

/** The tables in the guide are made from this one and the next. */
export const drainRules: Rules = {
  ...leavingRules,
  signal: { isValid: (value) => value instanceof AbortSignal, text: 'an AbortSignal' },
  migrate: {
    isValid: (value) => typeof value === 'boolean' || isWebSocketUrl(value),
    text: 'true, false, or the ws: or wss: URL under which this process can be reached',
    preset: false,
  },
}

export const shutdownRules: Rules = {
  signals: {
    isValid: (value) => Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'string'),
    text: 'an array of names of signals',
    preset: ['SIGTERM', 'SIGINT'],
  },
  delay: {
    isValid: (value) => value === 0 || milliseconds(0).isValid(value),
    text: `a number of milliseconds from 0 to ${longestMs}`,
    preset: 0,
  },
  ...leavingRules,
  onDraining: { isValid: isFunction, text: 'a function' },
}

type Resolved<Options, Filled extends keyof Options> = Options & { readonly [option in Filled]-?: NonNullable<Options[option]> }

/** @throws TypeError naming option, value and rule */
export function resolveDrain(given: object): Resolved<DrainOptions, 'timeout' | 'migrate'> {
  if (!isObject(given)) throw new TypeError(`options of drain must be an object, not ${show(given)}`)
  return resolveGroup(given, drainRules, '') as unknown as Resolved<DrainOptions, 'timeout' | 'migrate'>
}

/** @throws TypeError naming option, value and rule */
export function resolveShutdown(given: object): Resolved<ShutdownOptions, 'signals' | 'delay'> {
  if (!isObject(given)) throw new TypeError(`options of gracefulShutdown must be an object, not ${show(given)}`)
  return resolveGroup(given, shutdownRules, '') as unknown as Resolved<ShutdownOptions, 'signals' | 'delay'>
}

/**
 * Checks options and fills in what is missing.
 *
 * @throws TypeError naming option, value and rule
 */
export function resolveOptions(given: object, SocketClass: typeof SessionSocket): ResolvedOptions {
  if (!isObject(given)) throw new TypeError(`options must be an object, not ${show(given)}`)
  const { WebSocket } = given as { WebSocket?: unknown }
  const isOurs = WebSocket === undefined || WebSocket === SocketClass || (isFunction(WebSocket) && isSubclass(WebSocket, SocketClass))
  if (!isOurs) throw new TypeError(`option WebSocket is ${show(WebSocket)}; it must be SessionSocket or a class that extends it`)
  const options = resolveGroup(given, serverRules, '', wsOptionNames) as unknown as ResolvedOptions
  const { heartbeat, session } = options
  return {
    ...options,
    session: { ...session, ttl: Math.ceil(session.ttl) },
    heartbeat: { ...heartbeat, interval: heartbeat.isOn ? Math.ceil(heartbeat.interval) : neverMs, timeout: Math.ceil(heartbeat.timeout) },
  }
}

/** @throws TypeError naming option, value and rule */
export function resolveGroup(given: object, rules: Rules, prefix: string, others: readonly string[] = []): Record<string, unknown> {
  const values = given as Record<string, unknown>
  for (const option of Object.keys(given)) {
    if (Object.hasOwn(rules, option) || others.includes(option) || values[option] === undefined) continue
    const known = [...Object.keys(rules), ...others].join(', ')
    throw new TypeError(`unknown option ${prefix}${option} (${show(values[option])}); known are ${known}`)
  }
  const resolved: Record<string, unknown> = {}
  for (const [option, rule] of Object.entries(rules)) {
    const value = values[option] === undefined && rule.fields ? rule.preset : values[option]
    if (value !== undefined && !rule.isValid(value))
      throw new TypeError(`option ${prefix}${option} is ${show(value)}; it must be ${rule.text}`)
    if (rule.fields) resolved[option] = { ...resolveGroup(value || {}, rule.fields, `${prefix}${option}.`), isOn: value !== false }
    else if (value !== undefined || rule.preset !== undefined) resolved[option] = value ?? rule.preset
  }
  return resolved
}

function isWebSocketUrl(value: unknown): boolean {
  return typeof value === 'string' && /^wss?:\/\//i.test(value) && URL.canParse(value)
}

function isSubclass(given: unknown, base: { readonly prototype: object }): boolean {
  return (given as { readonly prototype?: unknown }).prototype instanceof (base as never)
}

export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object'
  return typeof value === 'function' ? `the function ${value.name || 'without a name'}` : String(value)
}
