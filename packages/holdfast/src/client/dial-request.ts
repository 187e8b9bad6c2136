/** What a dial needs: the providers' answers, checked, and a transport that can do what is asked. */

import { parseProtocols, parseUrl } from './address.ts'
import { rootEvents } from './event.ts'
import type { Dialer, DialRequest } from './link.ts'
import type { DialContext, ProtocolsProvider, ResolvedOptions, UrlProvider } from './options.ts'
import { platform, systemClock } from './platform.ts'
import { messageOf } from './report.ts'

/** As given: a fixed url is normalised already, and fixed subprotocols are a list. */
export interface Address {
  readonly url: UrlProvider
  readonly protocols: ProtocolsProvider
}

/** No transport can do what the options ask for: no further dial would help. */
export class UnsupportedError extends Error {}

/** Whether a later dial may be another: with a fresh credential, for one. */
export function isDynamic({ url, protocols }: Address, { headers, rewriteUrl }: ResolvedOptions): boolean {
  return [url, protocols, headers, rewriteUrl].some((each) => typeof each === 'function')
}

/**
 * @throws UnsupportedError, when there is no such transport
 * @throws whatever a provider rejects with, or a SyntaxError for what it returned
 */
export async function requestDial(
  address: Address,
  options: ResolvedOptions,
  dial: DialContext,
): Promise<{ request: DialRequest; dialer: Dialer }> {
  rootEvents()
  const given: string | URL = await answer(address.url, dial)
  const url = parseUrl(options.rewriteUrl ? await options.rewriteUrl(dial) : given).href
  const protocols = parseProtocols(await answer(address.protocols, dial))
  const headers: Record<string, string> | undefined = options.headers && (await answer(options.headers, dial))
  return { request: { url, protocols, headers, wsOptions: options.wsOptions }, dialer: await transport(options) }
}

async function answer<P, T>(provider: P, dial: DialContext): Promise<T> {
  return (typeof provider === 'function' ? await provider(dial) : provider) as T
}

async function transport(options: ResolvedOptions): Promise<Dialer> {
  try {
    return await platform().dialer(options, options.clock ?? systemClock)
  } catch (error) {
    throw new UnsupportedError(messageOf(error), { cause: error })
  }
}
