import { checkNumber, type NumberRule } from './option-rule.ts'

/** Where a TCP connection goes to. */
export type Endpoint = { readonly host: string; readonly port: number }

export const portRule: NumberRule = { min: 0, max: 65_535, whole: true }

const upstreamPortRule: NumberRule = { ...portRule, min: 1 }
const defaultPorts: Readonly<Record<string, number>> = { 'ws:': 80, 'http:': 80, 'wss:': 443, 'https:': 443 }
const accepted = 'host:port, [ipv6]:port, a ws://, wss://, http://, https:// or tcp:// URL, or { host, port }'

/**
 * Reads an upstream. Only its host and port matter: bytes pass as they are, and so does TLS. A URL without a port has the port of its
 * scheme.
 *
 * @throws TypeError which names the value and what is accepted.
 */
export const parseEndpoint = (upstream: string | Endpoint): Endpoint => {
  if (typeof upstream === 'string') return parseText(upstream)
  const { host, port } = (upstream ?? {}) as Partial<Endpoint>
  if (typeof host !== 'string' || host === '') throw refusal(JSON.stringify(upstream))
  return { host, port: checkNumber('upstream.port', port, upstreamPortRule) }
}

/** `host:port`, with the brackets that IPv6 needs. */
export const renderEndpoint = ({ host, port }: Endpoint): string => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`)

const parseText = (text: string): Endpoint => {
  const hasScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text)
  const url = parseUrl(hasScheme ? text : `tcp://${text}`)
  if (url === undefined || !(url.protocol === 'tcp:' || url.protocol in defaultPorts)) throw refusal(JSON.stringify(text))
  const isBare = !hasScheme && text !== url.host
  const port = url.port === '' ? (defaultPorts[url.protocol] ?? 0) : Number(url.port)
  if (isBare || url.hostname === '' || port === 0) throw refusal(JSON.stringify(text))
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port }
}

const parseUrl = (text: string): URL | undefined => (URL.canParse(text) ? new URL(text) : undefined)

const refusal = (value: string): TypeError => new TypeError(`upstream ${value} names no host and port; accepted are ${accepted}`)
