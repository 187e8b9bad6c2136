/** Where something listens: a TCP port, or a Unix socket. */

import { parseListenAddress } from '../argument.ts'
import { type Endpoint, renderEndpoint } from '../fault/endpoint.ts'

export type Address = ({ readonly kind: 'tcp' } & Endpoint) | { readonly kind: 'unix'; readonly path: string }

export const addressRule =
  'a port from 0 (any free one) to 65535, host:port, or a Unix socket, such as 8080, 0.0.0.0:8080, [::1]:8080 or unix:/run/holdfast/gateway.sock'

/** What the kernel's sockaddr_un has room for. */
const maxPathBytes = 107
const unixScheme = 'unix:'

export function parseAddress(text: string): Address | undefined {
  if (text.startsWith(unixScheme)) {
    const path = text.slice(unixScheme.length)
    return path !== '' && Buffer.byteLength(path) <= maxPathBytes ? { kind: 'unix', path } : undefined
  }
  const endpoint = parseListenAddress(text)
  return endpoint && { kind: 'tcp', ...endpoint }
}

export function renderAddress(address: Address): string {
  return address.kind === 'unix' ? `${unixScheme}${address.path}` : renderEndpoint(address)
}

/** Whether only this machine reaches it. A name other than localhost may lead anywhere. */
export function isLoopback(address: Address): boolean {
  return address.kind === 'unix' || /^(?:127\.\d+\.\d+\.\d+|::1|localhost)$/i.test(address.host)
}

/** Whether one cannot be listened on because of the other. Two free ports are two. */
export function isSameAddress(one: Address, other: Address): boolean {
  if (one.kind === 'unix' || other.kind === 'unix') return one.kind === other.kind && renderAddress(one) === renderAddress(other)
  return one.port !== 0 && one.port === other.port && (one.host === other.host || isEverywhere(one) || isEverywhere(other))
}

function isEverywhere({ host }: Endpoint): boolean {
  return host === '0.0.0.0' || host === '::'
}
