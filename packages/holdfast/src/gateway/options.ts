/** The options of a gateway: their defaults, and what each may be. Those of a server are passed on to it, which knows what they may be. */

import type { Server as HttpServer, IncomingMessage } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { ServerOptions } from 'ws'
import { hostOf } from '../server/address.ts'
import { type Clock, systemClock } from '../server/clock.ts'
import {
  group,
  type HoldfastOptions,
  type LimitOptions,
  limit,
  milliseconds,
  type Rule,
  type Rules,
  resolveGroup,
  type ServerHeartbeatOptions,
  serverRules,
} from '../server/options.ts'
import { clientAddress, type HeaderRules, headerRules } from './forwarded-header.ts'
import { Trust } from './trust.ts'

/** A `ws:`, `wss:` or `ws+unix:` URL without query; the path of each request is appended to its own. */
export type UpstreamAddress = string | URL

/** What clients may do. */
export interface GatewayLimits extends LimitOptions {
  /** The size of a request's headers. For a server that you give it is its own `maxHeaderSize`. @default 16 KiB */
  headerBytes?: number | undefined
  /** The number of a request's headers; more are answered with 431. @default 100 */
  headerCount?: number | undefined
  /** Milliseconds until a request has to be there. For a server that you give it is its own `headersTimeout`. @default 10_000 */
  handshakeTimeout?: number | undefined
  /** Messages a second, with bursts of a second's worth; who sends more is read more slowly. @default Infinity */
  messagesPerSecond?: number | undefined
  /** And bytes of messages. @default Infinity */
  bytesPerSecond?: number | undefined
}

export interface GatewayOptions extends HoldfastOptions {
  /** The backend, or a function that says which one a request is for. It may throw a Refusal. */
  upstream: UpstreamAddress | ((request: IncomingMessage) => UpstreamAddress | Promise<UpstreamAddress>)
  /** The HTTP server whose upgrades are taken, for TLS or one's own; without it the gateway makes one. */
  server?: HttpServer | HttpsServer | undefined
  /** Headers that go upstream besides Cookie, Authorization, User-Agent and Origin. */
  forwardHeaders?: readonly string[] | undefined
  /** Proxies whose X-Forwarded-* are believed: addresses, ranges (10.0.0.0/8), `unix:`; or all, or none. @default false */
  trustProxies?: readonly string[] | boolean | undefined
  /** Pings towards the backend. @default { interval: 30_000, timeout: 10_000 } */
  upstreamHeartbeat?: false | ServerHeartbeatOptions | undefined
  /** Milliseconds that the backend may take to answer the handshake. @default 10_000 */
  upstreamConnectTimeout?: number | undefined
  /** The largest message either way, in bytes. @default 1 MiB */
  maxPayload?: number | undefined
  /** Compression towards clients, as `ws` has it. Towards the backend nothing is compressed. @default false */
  perMessageDeflate?: ServerOptions['perMessageDeflate']
  limits?: GatewayLimits | undefined
}

export interface ResolvedOptions {
  readonly upstream: GatewayOptions['upstream']
  readonly server?: HttpServer | HttpsServer
  readonly headers: HeaderRules
  readonly upstreamHeartbeat: { readonly isOn: boolean; readonly interval: number; readonly timeout: number }
  readonly upstreamConnectTimeout: number
  readonly maxPayload: number
  readonly perMessageDeflate: NonNullable<ServerOptions['perMessageDeflate']>
  readonly limits: { readonly [name in Exclude<keyof GatewayLimits, keyof LimitOptions>]-?: number }
  readonly clock: Clock
  /** Those of the server of sessions. */
  readonly holdfast: HoldfastOptions
}

const kibibyte = 1024
const mebibyte = 1024 * kibibyte
const schemes = ['ws:', 'wss:', 'ws+unix:']

const isObject = (value: unknown) => typeof value === 'object' && value !== null
const whole = (what: string, preset: number): Rule => ({
  isValid: (value) => Number.isSafeInteger(value) && value > 0,
  text: `a whole number of ${what} above 0`,
  preset,
})
const addressText = 'a ws:, wss: or ws+unix: URL without query and fragment'

const upstreamRule = {
  isValid: (value: unknown) => typeof value === 'function' || isAddress(value),
  text: `${addressText}, or a function that returns one`,
}

const { limits: serverLimits, ...otherServerRules } = serverRules as Rules & { readonly limits: Rule }

/** The table in the guide is made from it. */
export const gatewayRules: Rules = {
  upstream: upstreamRule,
  server: { isValid: (value) => typeof value?.listen === 'function', text: 'a server of node:http or node:https' },
  forwardHeaders: {
    isValid: (value) => Array.isArray(value) && value.every((each) => typeof each === 'string'),
    text: 'an array of names of headers',
    preset: [],
  },
  trustProxies: {
    isValid: (value) => typeof value === 'boolean' || (Array.isArray(value) && value.every((each) => typeof each === 'string')),
    text: 'an array of addresses and ranges, or true or false',
    preset: false,
  },
  upstreamHeartbeat: group({ interval: milliseconds(30_000), timeout: milliseconds(10_000) }),
  upstreamConnectTimeout: milliseconds(10_000),
  maxPayload: whole('bytes', mebibyte),
  perMessageDeflate: {
    isValid: (value) => typeof value === 'boolean' || isObject(value),
    text: 'true, false, or an object',
    preset: false,
  },
  limits: {
    ...serverLimits,
    fields: {
      ...serverLimits.fields,
      headerBytes: whole('bytes', 16 * kibibyte),
      headerCount: whole('headers', 100),
      handshakeTimeout: milliseconds(10_000),
      messagesPerSecond: limit(Infinity),
      bytesPerSecond: limit(Infinity),
    },
  },
}

/**
 * Checks options and fills in what is missing.
 *
 * @throws TypeError naming option, value and rule
 */
export function resolveOptions(given: GatewayOptions): ResolvedOptions {
  if (!isObject(given)) throw new TypeError(`options must be an object, not ${String(given)}`)
  if (given.upstream === undefined) throw new TypeError(`option upstream is missing; it must be ${upstreamRule.text}`)
  const { upstream, server, forwardHeaders, trustProxies, upstreamHeartbeat, upstreamConnectTimeout, ...rest } = given
  const { maxPayload, perMessageDeflate, limits, ...holdfast } = rest
  const own = resolveGroup(given, gatewayRules, '', Object.keys(otherServerRules)) as unknown as ResolvedOptions & {
    readonly forwardHeaders: readonly string[]
    readonly trustProxies: readonly string[] | boolean
  }
  const trust = new Trust(own.trustProxies)
  const {
    maxHandshakes,
    maxPerAddress,
    addressOf = (request: IncomingMessage) => hostOf(clientAddress(request, trust) ?? ''),
  } = limits ?? {}
  return {
    ...own,
    headers: headerRules(own.forwardHeaders, trust),
    clock: given.clock ?? systemClock,
    holdfast: { ...holdfast, limits: { maxHandshakes, maxPerAddress, addressOf } },
  }
}

/** @throws TypeError for what a function returned that is no address */
export function upstreamAddress(value: unknown): URL {
  if (!isAddress(value)) throw new TypeError(`upstream returned ${String(value)}; it must be ${addressText}`)
  return new URL(String(value))
}

function isAddress(value: unknown): boolean {
  if (!URL.canParse(String(value))) return false
  const { protocol, search, hash } = new URL(String(value))
  return schemes.includes(protocol) && search === '' && hash === ''
}
