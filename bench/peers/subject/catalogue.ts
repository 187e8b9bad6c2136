/** Who is measured, by name. */

import { holdfast } from './holdfast.ts'
import { socketIo } from './socket.io.ts'
import type { Subject } from './subject.ts'
import { websocketTs } from './websocket-ts.ts'
import { wrapper } from './wrapper.ts'
import { bareWs, wsHandlers } from './ws.ts'

/** Variants of one library share what stands before the comma. */
const subjects = {
  ws: bareWs,
  'ws, onmessage': wsHandlers('nodebuffer'),
  'ws, arraybuffer': wsHandlers('arraybuffer'),
  holdfast: holdfast('WebSocket', 'nodebuffer'),
  'holdfast, arraybuffer': holdfast('WebSocket', 'arraybuffer'),
  'holdfast, reconnecting': holdfast('ReconnectingWebSocket', 'nodebuffer'),
  'reconnecting-websocket': wrapper('reconnecting-websocket'),
  partysocket: wrapper('partysocket/ws'),
  'websocket-ts': websocketTs,
  'socket.io': socketIo,
} satisfies Record<string, Subject>

export type SubjectName = keyof typeof subjects

const subjectNames = Object.keys(subjects) as readonly SubjectName[]

/** One of each library. */
export const libraryNames = subjectNames.filter((name) => !name.includes(','))

/** One of each library, ours being the class that reconnects. */
export const reconnectingNames: readonly SubjectName[] = libraryNames.map((name) => (name === 'holdfast' ? 'holdfast, reconnecting' : name))

export function subjectOf(name: SubjectName): Subject {
  return subjects[name]
}
