/** Which upstream a request goes to, by the beginning of its path. */

export interface Route {
  /** Whole segments of the path: `/chat` is for `/chat` and `/chat/room`, and not for `/chats`. */
  readonly prefix: string
  /** Its scheme is ws:, wss:, or ws+unix: with a path on this machine. */
  readonly url: string
}

export const routeRule =
  'a WebSocket url, with a path before it where it is for that path only, such as ws://127.0.0.1:9000, ws+unix:/run/app.sock or /chat=wss://chat.internal'

const everything = '/'

export function parseRoute(text: string): Route | undefined {
  const [, prefix = everything, url = ''] = /^(?:(\/[^\s=?#]*)=)?(wss?:\/\/\S+|ws\+unix:\S+)$/i.exec(text) ?? []
  if (!URL.canParse(url)) return undefined
  const { hash, search } = new URL(url)
  if (hash !== '' || search !== '') return undefined
  return { prefix: prefix.replace(/\/+$/, '') || everything, url }
}

export function renderRoute({ prefix, url }: Route): string {
  return prefix === everything ? url : `${prefix}=${url}`
}

/** The longest prefix that fits. @param target as in the request line */
export function findRoute(routes: readonly Route[], target: string): Route | undefined {
  const [path = everything] = target.split('?', 1)
  return routes
    .filter(({ prefix }) => prefix === everything || path === prefix || path.startsWith(`${prefix}/`))
    .reduce<Route | undefined>((best, each) => (best && best.prefix.length >= each.prefix.length ? best : each), undefined)
}

/** Two routes that want the same requests. */
export function findRival(routes: readonly Route[]): Route | undefined {
  return routes.find(({ prefix }, index) => routes.findIndex((other) => other.prefix === prefix) < index)
}
