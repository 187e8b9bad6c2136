/** The options of both classes: their defaults, and what each may be. */

import type { Jitter } from '../core/backoff.ts'
import type { ClientConfig } from '../core/client-machine.ts'
import type { CloseInfo } from '../core/close-info.ts'
import type { Data, Received } from './data.ts'
import type { WebSocketLike } from './web-link.ts'

type Awaitable<T> = T | PromiseLike<T>

/** What a provider of `url`, `protocols` or `headers` is told of the dial that it is asked for. */
export interface DialContext {
  /** As given, or as last dialled; empty when neither is known. */
  readonly url: string
  /** 0 is the first dial, n the nth retry. */
  readonly attempt: number
  /** Whether a session is to go on; if the server does not have it any more, a new one begins on the same link. */
  readonly resuming: boolean
  readonly lastClose: CloseInfo | null
  /** Aborted when the dial is given up. */
  readonly signal: AbortSignal
}

export type UrlProvider = string | URL | ((dial: DialContext) => Awaitable<string | URL>)
export type ProtocolsProvider = string | string[] | null | ((dial: DialContext) => Awaitable<string | string[] | null>)
export type HeadersProvider = Record<string, string> | ((dial: DialContext) => Awaitable<Record<string, string>>)

export interface HeartbeatOptions {
  /** Milliseconds of silence before a ping. @default 30_000 */
  interval?: number | undefined
  /** Milliseconds that the answer may take. @default 10_000 */
  timeout?: number | undefined
  /** Sent instead of a WebSocket ping: browsers have none. */
  message?: Data | (() => Data) | undefined
  /** True for the answer to `message`, which is then not dispatched. */
  isReply?: ((data: Received) => boolean) | undefined
}

export interface RetryOptions {
  /** Milliseconds before the first retry. @default 1_000 */
  minDelay?: number | undefined
  /** Milliseconds between two retries at the most. @default 30_000 */
  maxDelay?: number | undefined
  /** @default 2 */
  factor?: number | undefined
  /** `'equal'` d/2 + U(0, d/2), `'full'` U(0, d), `'none'` d. @default 'equal' */
  jitter?: Jitter | undefined
  /** Retries in a row before `giveup`. @default 10 */
  maxRetries?: number | undefined
  /** Milliseconds that a link must live for the count to start anew. @default 30_000 */
  stableAfter?: number | undefined
  /** Decides instead of the table of close codes; undefined leaves it to the table. */
  shouldRetry?: ((close: CloseInfo, attempt: number) => boolean | undefined) | undefined
}

export interface OutboxOptions {
  /** @default 4 MiB */
  maxBytes?: number | undefined
  /** @default 10_000 */
  maxMessages?: number | undefined
  /** What a message too many does while a session is open: end it with 1013, or throw. @default 'close' */
  overflow?: 'close' | 'throw' | undefined
}

export interface InboxOptions {
  /** What `for await` may hold where the transport cannot pause. @default 16 MiB */
  maxBytes?: number | undefined
}

/** The face of pino, winston and console. */
export interface Logger {
  debug(fields: object, message?: string): void
  info(fields: object, message?: string): void
  warn(fields: object, message?: string): void
  error(fields: object, message?: string): void
}

/** Everything that is known of time and chance; looked up at each use. */
export interface Clock {
  /** Monotonic milliseconds. */
  now(): number
  /** Epoch milliseconds. */
  wall(): number
  /** Draws from [0, 1). */
  random(): number
  setTimer(run: () => void, ms: number): unknown
  clearTimer(handle: unknown): void
}

export interface WebSocketOptions {
  /** Whether the session is to outlive its links; the server has to speak holdfast.v1 (PROTOCOL.md). @default false */
  resume?: boolean | undefined
  /** @default { interval: 30_000, timeout: 10_000 } */
  heartbeat?: false | HeartbeatOptions | undefined
  /** False gives up at the first failure. The strict class takes it for the sessions to come and does not retry a plain link. */
  retry?: false | RetryOptions | undefined
  /** Milliseconds for the first dial; it grows while dials time out. @default 10_000 */
  connectTimeout?: number | undefined
  /** Milliseconds that a write may make no progress. @default 10_000 */
  writeTimeout?: number | undefined
  /** Milliseconds that the peer may take to answer a close. @default 10_000 */
  closeTimeout?: number | undefined
  outbox?: OutboxOptions | undefined
  inbox?: InboxOptions | undefined
  /** Milliseconds after which a session moves to a fresh link, without a gap; needs `resume`. @default Infinity */
  maxLinkAge?: number | undefined
  /** Headers of the upgrade (Node, Bun, Deno). */
  headers?: HeadersProvider | undefined
  /** Changes the url of each dial. */
  rewriteUrl?: ((dial: DialContext) => Awaitable<string | URL>) | undefined
  /** The class that links are made of. @default `ws` in Node when it is installed, else the platform's */
  WebSocket?: WebSocketLike | undefined
  /** Third argument for the class of the package `ws`: agent, ca, perMessageDeflate. */
  wsOptions?: object | undefined
  /** Ends everything when it aborts. */
  signal?: AbortSignal | undefined
  logger?: Logger | undefined
  /** Names the socket in logs. */
  name?: string | undefined
  clock?: Clock | undefined
}

export interface ResolvedOptions {
  readonly resume: boolean
  readonly maxLinkAge: number
  readonly heartbeat: {
    readonly interval: number
    readonly timeout: number
    readonly message?: Data | (() => Data)
    readonly isReply?: (data: Received) => boolean
  }
  readonly retry: {
    readonly minDelay: number
    readonly maxDelay: number
    readonly factor: number
    readonly jitter: Jitter
    readonly maxRetries: number
    readonly stableAfter: number
    readonly shouldRetry?: (close: CloseInfo, attempt: number) => boolean | undefined
  }
  readonly connectTimeout: number
  readonly writeTimeout: number
  readonly closeTimeout: number
  readonly outbox: { readonly maxBytes: number; readonly maxMessages: number; readonly overflow: 'close' | 'throw' }
  readonly inbox: { readonly maxBytes: number }
  readonly headers?: HeadersProvider
  readonly rewriteUrl?: (dial: DialContext) => Awaitable<string | URL>
  readonly WebSocket?: WebSocketLike
  readonly wsOptions?: object
  readonly signal?: AbortSignal
  readonly logger?: Logger
  readonly name?: string
  readonly clock?: Clock
  readonly onSession?: (start: any) => unknown
  readonly autoStart: boolean
  /** What machines are told of them, made with the first. */
  config?: ClientConfig
}

/** What an option may be, what that is called, and its default. A rule with `fields` is a group of options. */
interface Rule {
  readonly isValid: (value: any) => boolean
  readonly text: string
  readonly preset?: unknown
  readonly fields?: Rules
}
export type Rules = { readonly [option: string]: Rule }

const mebibyte = 1024 * 1024

const isPositive = (value: unknown) => typeof value === 'number' && value > 0
const isFunction = (value: unknown) => typeof value === 'function'
const isObject = (value: unknown) => typeof value === 'object' && value !== null
const isOneOf =
  (...choices: unknown[]) =>
  (value: unknown) =>
    choices.includes(value)

const milliseconds = (preset: number): Rule => ({
  isValid: (value) => isPositive(value) && value < Infinity,
  text: 'a number of milliseconds above 0',
  preset,
})
const millisecondsOrNever = (preset: number): Rule => ({
  isValid: isPositive,
  text: 'a number of milliseconds above 0, or Infinity',
  preset,
})
const limit = (preset: number): Rule => ({ isValid: isPositive, text: 'a number above 0, or Infinity', preset })
const callback: Rule = { isValid: isFunction, text: 'a function' }
const group = (fields: Rules, canBeOff: boolean): Rule => ({
  isValid: (value) => isObject(value) || (canBeOff && value === false),
  text: canBeOff ? 'an object of options, or false' : 'an object of options',
  fields,
})

/** The options of both classes. The table in the guide is made from this one. */
export const socketRules: Rules = {
  resume: { isValid: isOneOf(true, false), text: 'a boolean', preset: false },
  heartbeat: group(
    {
      interval: milliseconds(30_000),
      timeout: milliseconds(10_000),
      message: { isValid: (value) => value !== null, text: 'a message, or a function that returns one' },
      isReply: callback,
    },
    true,
  ),
  retry: group(
    {
      minDelay: milliseconds(1_000),
      maxDelay: milliseconds(30_000),
      factor: {
        isValid: (value) => typeof value === 'number' && value >= 1 && value < Infinity,
        text: 'a number of at least 1',
        preset: 2,
      },
      jitter: { isValid: isOneOf('equal', 'full', 'none'), text: `'equal', 'full' or 'none'`, preset: 'equal' },
      maxRetries: {
        isValid: (value) => value === Infinity || (Number.isInteger(value) && value >= 0),
        text: 'a whole number of at least 0, or Infinity',
        preset: 10,
      },
      stableAfter: millisecondsOrNever(30_000),
      shouldRetry: callback,
    },
    true,
  ),
  connectTimeout: milliseconds(10_000),
  writeTimeout: milliseconds(10_000),
  closeTimeout: milliseconds(10_000),
  outbox: group(
    {
      maxBytes: limit(4 * mebibyte),
      maxMessages: limit(10_000),
      overflow: { isValid: isOneOf('close', 'throw'), text: `'close' or 'throw'`, preset: 'close' },
    },
    false,
  ),
  inbox: group({ maxBytes: limit(16 * mebibyte) }, false),
  maxLinkAge: millisecondsOrNever(Infinity),
  headers: { isValid: (value) => isObject(value) || isFunction(value), text: 'an object of strings, or a function that returns one' },
  rewriteUrl: callback,
  WebSocket: { isValid: isFunction, text: 'a WebSocket class' },
  wsOptions: { isValid: isObject, text: 'an object' },
  signal: { isValid: (value) => typeof value?.aborted === 'boolean', text: 'an AbortSignal' },
  logger: {
    isValid: (value) => ['debug', 'info', 'warn', 'error'].every((level) => isFunction(value?.[level])),
    text: 'an object with debug, info, warn and error',
  },
  name: { isValid: (value) => typeof value === 'string', text: 'a string' },
  clock: {
    isValid: (value) => ['now', 'wall', 'random', 'setTimer', 'clearTimer'].every((part) => isFunction(value?.[part])),
    text: 'an object with now, wall, random, setTimer and clearTimer',
  },
}

/** Those of the reconnecting class besides. */
export const reconnectingRules: Rules = {
  ...socketRules,
  onSession: callback,
  autoStart: { isValid: (value) => typeof value === 'boolean', text: 'a boolean', preset: true },
}

/**
 * Checks options and fills in what is missing.
 *
 * @throws TypeError naming option, value and rule
 */
export function resolveOptions(given: object | undefined, rules: Rules): ResolvedOptions {
  if (given === undefined || given === null) return presetsOf(rules) as ResolvedOptions
  if (!isObject(given)) throw new TypeError(`options must be an object, not ${show(given)}`)
  const options = resolveGroup(given, rules, '') as unknown as ResolvedOptions
  const { minDelay, maxDelay } = options.retry
  if (minDelay > maxDelay) throw new TypeError(`retry.minDelay (${minDelay}) must not be above retry.maxDelay (${maxDelay})`)
  if (options.WebSocket && options.wsOptions)
    throw new TypeError('wsOptions are for the package ws; leave out the option WebSocket, or wsOptions')
  if (options.maxLinkAge < Infinity && !options.resume)
    throw new TypeError(`maxLinkAge is ${options.maxLinkAge}, but only a session can move to another link; set resume: true as well`)
  return options
}

const presets: WeakMap<Rules, object> = new WeakMap()

/** One object for every socket that leaves all of a group to us. */
function presetsOf(rules: Rules): object {
  const known = presets.get(rules)
  if (known) return known
  const made = resolveGroup({}, rules, '')
  presets.set(rules, made)
  return made
}

function resolveGroup(given: object, rules: Rules, prefix: string): object {
  const values = given as Record<string, unknown>
  for (const option of Object.keys(given)) {
    if (Object.hasOwn(rules, option) || values[option] === undefined) continue
    throw new TypeError(`unknown option ${prefix}${option} (${show(values[option])}); known are ${Object.keys(rules).join(', ')}`)
  }
  const resolved: Record<string, unknown> = {}
  for (const [option, rule] of Object.entries(rules)) {
    const value = values[option]
    if (value !== undefined && !rule.isValid(value))
      throw new TypeError(`option ${prefix}${option} is ${show(value)}; it must be ${rule.text}`)
    if (rule.fields && !value) resolved[option] = value === false ? off(option, rule.fields) : presetsOf(rule.fields)
    else if (rule.fields) resolved[option] = resolveGroup(value as object, rule.fields, `${prefix}${option}.`)
    else if (value !== undefined || rule.preset !== undefined) resolved[option] = value ?? rule.preset
  }
  return resolved
}

/** What `false` means for a group: the same options, with the one that switches it off. */
function off(option: string, fields: Rules): object {
  const switchedOff = option === 'heartbeat' ? { interval: Infinity } : { maxRetries: 0 }
  return { ...presetsOf(fields), ...switchedOff }
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object'
  return typeof value === 'function' ? 'a function' : String(value)
}
