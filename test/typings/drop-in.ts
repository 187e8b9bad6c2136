// Compiled, never run: the classes can be handed to whatever asks for a WebSocket.
import { ReconnectingWebSocket, WebSocket } from 'holdfast'
import type { WebSocket as UndiciWebSocket } from 'undici-types'
import type * as Ws from 'ws'

declare const socket: WebSocket
declare const reconnecting: ReconnectingWebSocket

// lib.dom, the class and its instances. A parameter is what a library asks for: `webSocketImpl`, `WebSocketPolyfill`, `WebSocketCtor`.
type PlatformClass = typeof globalThis.WebSocket
type Platform = InstanceType<PlatformClass>
export const takesPlatformClass = (webSocketImpl: PlatformClass): PlatformClass => webSocketImpl
export const takesPlatform = (instance: Platform): Platform => instance
takesPlatformClass(WebSocket)
takesPlatformClass(WebSocket.with({ resume: true }))
takesPlatformClass(WebSocket.with({ resume: true }).with({ heartbeat: false }))
takesPlatformClass(ReconnectingWebSocket)
takesPlatformClass(ReconnectingWebSocket.with({ retry: { maxRetries: 3 } }))
takesPlatform(socket)
takesPlatform(reconnecting)
takesPlatform(new (WebSocket.with({}))('ws://localhost/'))

// The class that Node's own types describe. Its second argument may be an object, and ours may too.
type NodeClass = new (url: string | URL, init?: string | string[] | { protocols?: string | string[]; headers?: any }) => Platform
export const takesNodeClass = (webSocketImpl: NodeClass): NodeClass => webSocketImpl
takesNodeClass(WebSocket)
// All of it but send: the Blob of node:buffer, which its types name, is not assignable to that of lib.dom.
export const takesNode = (instance: Omit<UndiciWebSocket, 'send'>): typeof instance => instance
takesNode(socket)
takesNode(reconnecting)

// The shape in which libraries use the client of `ws`.
type WsClientShape = Pick<
  Ws.WebSocket,
  'readyState' | 'url' | 'protocol' | 'extensions' | 'bufferedAmount' | 'CONNECTING' | 'OPEN' | 'CLOSING' | 'CLOSED'
> & {
  send(data: string | ArrayBufferLike | ArrayBufferView): void
  close(code?: number, reason?: string): void
  addEventListener(type: 'open' | 'message' | 'error' | 'close', listener: (event: any) => void): void
  removeEventListener(type: 'open' | 'message' | 'error' | 'close', listener: (event: any) => void): void
  onopen: ((event: any) => void) | null
  onmessage: ((event: any) => void) | null
  onerror: ((event: any) => void) | null
  onclose: ((event: any) => void) | null
}
export const takesWsClass = (webSocketImpl: new (address: string | URL, protocols?: string | string[]) => WsClientShape): WsClientShape => {
  return new webSocketImpl('ws://localhost/')
}
takesWsClass(WebSocket)
takesWsClass(ReconnectingWebSocket)

// The least that libraries ask for.
interface Minimal {
  binaryType: string
  readonly readyState: number
  onmessage: ((event: MessageEvent) => void) | null
  send(data: string | ArrayBuffer): void
  close(code?: number, reason?: string): void
}
export const takesMinimalClass = (webSocketImpl: {
  new (url: string, protocols?: string | string[]): Minimal
  readonly OPEN: number
}): number => webSocketImpl.OPEN
takesMinimalClass(WebSocket)
takesMinimalClass(ReconnectingWebSocket)
export const takesTarget = (target: EventTarget): EventTarget => target
takesTarget(socket)

// React, as it is: the store's two functions need no binding.
declare function useSyncExternalStore<S>(subscribe: (onChange: () => void) => () => void, getSnapshot: () => S): S
const status = useSyncExternalStore(socket.subscribe, () => socket.status)
status.state satisfies 'idle' | 'connecting' | 'open' | 'waiting' | 'suspended' | 'closing' | 'closed'
const { subscribe } = reconnecting
subscribe(() => {})()

// Constants are literal, on the class and on instances.
WebSocket.OPEN satisfies 1
socket.CLOSED satisfies 3
ReconnectingWebSocket.CONNECTING satisfies 0
if (socket.readyState === WebSocket.OPEN) socket.readyState satisfies 1

// A bound class keeps its own type, and is a class of the same instances.
const Bound = ReconnectingWebSocket.with({ autoStart: false })
new Bound('ws://localhost/').reconnect()
new Bound(async () => 'ws://localhost/').start()
class Chat extends WebSocket {
  say(): void {
    this.send('hello')
  }
}
;new (Chat.with({ name: 'chat' }))('ws://localhost/').say()

// What is read-only stays so.
// @ts-expect-error
socket.readyState = 1
// @ts-expect-error
socket.url = 'ws://elsewhere/'
// @ts-expect-error
socket.status.state = 'open'
