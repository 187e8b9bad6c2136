// Compiled, never run: what handlers and listeners are given.
import {
  type CloseCause,
  type CloseInfo,
  type Received,
  ReconnectingWebSocket,
  type ReconnectingWebSocketEvents,
  type SessionCloseEvent,
  type SocketErrorEvent,
  WebSocket,
  type WebSocketEvents,
} from 'holdfast'

/** Exactly the same type, and not `any`. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <_Claim extends true>(): void => {}

const socket = new WebSocket('ws://localhost/')
const reconnecting = new ReconnectingWebSocket('ws://localhost/')

// Handlers: the parameter's type is that of the event, `this` is the socket, null takes them away.
socket.onopen = (event) => same<Same<typeof event, Event>>()
socket.onmessage = (event) => same<Same<typeof event, MessageEvent>>()
socket.onerror = (event) => same<Same<typeof event, SocketErrorEvent>>()
socket.onclose = (event) => same<Same<typeof event, SessionCloseEvent>>()
socket.onclose = (event) => event.willReconnect satisfies boolean
reconnecting.onclose = (event) => {
  event.willReconnect satisfies boolean
  event.cause satisfies CloseCause
  event.code satisfies number
  event.unconfirmed satisfies readonly Received[]
  event.exact satisfies boolean
  event.httpStatus satisfies number | undefined
}
socket.onerror = ({ message, error, cause }) => {
  message satisfies string
  error satisfies Error
  cause satisfies CloseCause
}
socket.onopen = function () {
  this.send('hello')
}
reconnecting.onopen = function () {
  this.reconnect()
}
socket.onopen = null
socket.onmessage = null
socket.onerror = null
socket.onclose = null
// Handlers that were written for the platform's events will do.
socket.onclose = (event: CloseEvent) => event.code
socket.onerror = (event: Event) => event.type
socket.onmessage = (event: Event) => event.type
socket.onmessage = async ({ data }: MessageEvent<string>) => data.length
// @ts-expect-error a handler is a function or null
socket.onmessage = 'alert(1)'
// @ts-expect-error a handler is a function or null
socket.onclose = undefined
// @ts-expect-error an open event has no code
socket.onopen = ({ code }) => code

// Listeners of the strict class.
socket.addEventListener('open', (event) => same<Same<typeof event, Event>>())
socket.addEventListener('message', ({ data }) => data)
socket.addEventListener('close', (event) => same<Same<typeof event, SessionCloseEvent>>(), { once: true })
socket.addEventListener('error', (event) => same<Same<typeof event, SocketErrorEvent>>())
socket.addEventListener('lost', (event) => same<Same<typeof event, CustomEvent<CloseInfo>>>())
socket.addEventListener('retry', ({ detail: { attempt, delay, at, close, error } }) => {
  ;[attempt, delay, at] satisfies number[]
  close satisfies CloseInfo
  error satisfies Error
})
socket.addEventListener('resumed', ({ detail: { downtime, replayed, resent } }) => [downtime, replayed, resent] satisfies number[])
socket.addEventListener('open', function () {
  this.send('hello')
})
socket.addEventListener('hop', (event) => event.type)
socket.addEventListener('close', { handleEvent: (event) => event.type })
socket.addEventListener('close', null)
socket.addEventListener('close', () => {}, true)
socket.addEventListener('close', () => {}, { signal: AbortSignal.timeout(1), passive: true, capture: true })
socket.removeEventListener('close', (event: SessionCloseEvent) => event.exact)
socket.removeEventListener('close', () => {}, { capture: true })
socket.dispatchEvent(new Event('hop')) satisfies boolean
// @ts-expect-error a listener is a function or an object with handleEvent
socket.addEventListener('close', 7)

// Listeners of the reconnecting class: those, and giveup.
reconnecting.addEventListener('giveup', (event) => same<Same<typeof event, CustomEvent<CloseInfo>>>())
reconnecting.addEventListener('close', ({ willReconnect }) => willReconnect satisfies boolean)
reconnecting.addEventListener('open', function () {
  this.reconnect()
})
reconnecting.removeEventListener('giveup', ({ detail }: CustomEvent<CloseInfo>) => detail.cause)

// The maps themselves.
same<Same<keyof WebSocketEvents, 'open' | 'message' | 'error' | 'close' | 'lost' | 'retry' | 'resumed'>>()
same<Same<Exclude<keyof ReconnectingWebSocketEvents, keyof WebSocketEvents>, 'giveup'>>()

// The events fit where the platform's are asked for.
export const takesEvents = (close: CloseEvent, error: Event, info: CloseInfo): void => void [close, error, info]
declare const close: SessionCloseEvent
declare const error: SocketErrorEvent
takesEvents(close, error, close)
