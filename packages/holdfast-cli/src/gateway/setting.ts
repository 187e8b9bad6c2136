/**
 * Every setting of the gateway, in one table: the flags, the names in the environment and in the file, `--print-config` and the guide are
 * made from it. `drainTimeout` is `--drain-timeout`, `HOLDFAST_DRAIN_TIMEOUT` and `drain-timeout:`.
 */

import type { Address } from './address.ts'
import type { Route } from './route.ts'
import {
  address,
  bytes,
  count,
  duration,
  file,
  flag,
  headerName,
  hostName,
  type Kind,
  network,
  origin,
  orOff,
  period,
  route,
  word,
} from './setting-kind.ts'

export interface Settings {
  readonly listen: Address
  readonly upstream: readonly Route[]
  /** Milliseconds, as all durations are. */
  readonly hold: number
  readonly buffer: number
  readonly bufferMessages: number
  readonly maxBuffered: number
  readonly maxSessions: number
  readonly maxMessage: number
  readonly heartbeat: number | null
  readonly heartbeatTimeout: number
  readonly upstreamTimeout: number
  readonly upstreamHeartbeat: number | null
  readonly upstreamHeartbeatTimeout: number
  readonly origin: readonly string[]
  readonly forwardHeader: readonly string[]
  readonly trustProxy: readonly string[]
  readonly compression: boolean
  readonly handshakeTimeout: number
  readonly headerBytes: number
  readonly headerCount: number
  readonly messageRate: number | null
  readonly byteRate: number | null
  readonly admissionRate: number | null
  readonly maxPerAddress: number | null
  readonly maxHandshakes: number
  readonly tlsCert: string | null
  readonly tlsKey: string | null
  readonly drainDelay: number
  /** Clients a second. */
  readonly drainRate: number
  readonly drainTimeout: number
  readonly admin: Address | null
  readonly adminHost: readonly string[]
  readonly adminAllowRemote: boolean
  readonly logLevel: LogLevel
  readonly logFormat: LogFormat
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type LogFormat = 'auto' | 'pretty' | 'json'
export type SettingName = keyof Settings

export type Setting<Value> = One<Value> | (Value extends readonly (infer Item)[] ? Several<Item> : never)

interface One<Value> {
  readonly kind: Kind<Value>
  /** As it would be given. */
  readonly preset: string
  readonly help: string
}

/** May be given more than once; nothing is the default. */
interface Several<Item> {
  readonly kind: Kind<Item>
  readonly isList: true
  /** What nothing means. */
  readonly without: string
  readonly help: string
}

const settings: { readonly [Name in SettingName]: Setting<Settings[Name]> } = {
  listen: { kind: address, preset: '127.0.0.1:8080', help: 'where clients connect' },
  upstream: { kind: route, isList: true, without: 'required', help: 'the backend, or the backend for the paths below one' },
  hold: { kind: period, preset: '300s', help: 'keep a session, and its connection to the backend, for so long after its link is lost' },
  buffer: { kind: bytes, preset: '4MiB', help: 'what a session may hold that its client has not acknowledged, in bytes' },
  bufferMessages: { kind: count, preset: '4096', help: 'and in messages; when it is full the backend is not read' },
  maxBuffered: { kind: bytes, preset: '256MiB', help: 'what all sessions together may hold' },
  maxSessions: { kind: count, preset: '100000', help: 'sessions at once' },
  maxMessage: { kind: bytes, preset: '1MiB', help: 'the largest message, either way' },
  heartbeat: { kind: orOff(period), preset: '30s', help: 'ping a client after so long a silence' },
  heartbeatTimeout: { kind: period, preset: '10s', help: 'and drop its link when the answer takes longer' },
  upstreamTimeout: { kind: period, preset: '10s', help: 'what a backend may take to answer a handshake' },
  upstreamHeartbeat: { kind: orOff(period), preset: '30s', help: 'ping a backend after so long a silence' },
  upstreamHeartbeatTimeout: { kind: period, preset: '10s', help: 'and give it up when the answer takes longer' },
  origin: { kind: origin, isList: true, without: 'any', help: 'browsers may connect from pages of this origin only' },
  forwardHeader: {
    kind: headerName,
    isList: true,
    without: 'none',
    help: 'pass this header of the handshake on as well (always: Cookie, Authorization, User-Agent, Origin)',
  },
  trustProxy: { kind: network, isList: true, without: 'nobody', help: 'believe the X-Forwarded headers of proxies with these addresses' },
  compression: { kind: flag, preset: 'off', help: 'permessage-deflate towards clients that offer it' },
  handshakeTimeout: { kind: period, preset: '10s', help: 'what a client may take to send its request' },
  headerBytes: { kind: bytes, preset: '16KiB', help: 'the headers of a request, in bytes' },
  headerCount: { kind: count, preset: '100', help: 'and their number' },
  messageRate: { kind: orOff(count), preset: 'off', help: 'messages a second of one client; who sends more is read more slowly' },
  byteRate: { kind: orOff(bytes), preset: 'off', help: 'and bytes a second' },
  admissionRate: { kind: orOff(count), preset: 'off', help: 'clients that are taken a second; who is refused is told when to come again' },
  maxPerAddress: { kind: orOff(count), preset: 'off', help: 'clients of one address' },
  maxHandshakes: { kind: count, preset: '1000', help: 'clients whose backend is being dialled' },
  tlsCert: { kind: orOff(file), preset: 'off', help: 'the certificate and its chain (PEM), for wss:; read again on SIGHUP' },
  tlsKey: { kind: orOff(file), preset: 'off', help: 'its private key (PEM)' },
  drainDelay: { kind: duration, preset: '0ms', help: 'on SIGTERM first only say so on /readyz, for so long' },
  drainRate: {
    kind: count,
    preset: '1000',
    help: 'then let so many clients a second leave; more, where half of the timeout would not be enough',
  },
  drainTimeout: { kind: period, preset: '25s', help: 'and end what is left after so long' },
  admin: {
    kind: orOff(address),
    preset: 'off',
    help: 'where /livez, /readyz, /metrics, /api/sessions and /api/drain are, such as 127.0.0.1:9090',
  },
  adminHost: {
    kind: hostName,
    isList: true,
    without: 'localhost',
    help: 'the admin listener answers to this name too; to addresses it always does',
  },
  adminAllowRemote: { kind: flag, preset: 'off', help: 'the admin listener may be where other machines reach it' },
  logLevel: { kind: word<LogLevel>('debug', 'info', 'warn', 'error'), preset: 'info', help: 'what is worth a line on stderr' },
  logFormat: {
    kind: word<LogFormat>('auto', 'pretty', 'json'),
    preset: 'auto',
    help: 'auto: pretty on a terminal, else one JSON object a line',
  },
}

export const settingNames: readonly SettingName[] = Object.keys(settings) as SettingName[]

/** On the command line (after two dashes) and in the file. */
export function keyOf(name: SettingName): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

export function variableOf(name: SettingName): string {
  return `HOLDFAST_${keyOf(name).replaceAll('-', '_').toUpperCase()}`
}

export function settingOf(name: SettingName): One<unknown> | Several<unknown> {
  return settings[name] as One<unknown> | Several<unknown>
}

export function isList(setting: One<unknown> | Several<unknown>): setting is Several<unknown> {
  return 'isList' in setting
}
