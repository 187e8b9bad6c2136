/** What a dial needs: the providers' answers, checked, and a transport that can do what is asked. */

import { offerSession, parseProtocols, parseUrl } from './address.ts'
import { rootEvents } from './event.ts'
import type { Dialer, DialRequest } from './link.ts'
import type { DialContext, ProtocolsProvider, ResolvedOptions, UrlProvider } from './options.ts'
import { platform, systemClock } from './platform.ts'
import { messageOf } from './report.ts'

/** As given: a fixed url is normalised already, and fixed subprotocols are a list. */
export interface Address {
  readonly url: UrlProvider
  readonly protocols: ProtocolsProvider | readonly string[]
}

/** No transport can do what the options ask for: no further dial would help. */
export class UnsupportedError extends Error {}

/** Whether a later dial may be another: with a fresh credential, for one. */
export function isDynamic({ url, protocols }: Address, { headers, rewriteUrl }: ResolvedOptions): boolean {
  return [url, protocols, headers, rewriteUrl].some((each) => typeof each === 'function')
}

/**
 * @param redirect where the server sent us; undefined: where the application says
 * @throws UnsupportedError, when there is no such transport
 * @throws whatever a provider rejects with, or a SyntaxError for what it returned
 */
export async function requestDial(
  address: Address,
  options: ResolvedOptions,
  dial: DialContext,
  redirect: string | undefined,
): Promise<{ request: DialRequest; dialer: Dialer }> {
  rootEvents()
  const url = redirect ?? parseUrl(options.rewriteUrl ? await options.rewriteUrl(dial) : await answer(address.url, dial)).href
  const own = parseProtocols(await answer(address.protocols, dial))
  const protocols = options.resume ? offerSession(own, dial.resuming) : [...own]
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
