/** One open client of the subject, and what comes in handed to a listener that may change. */

import type { Client, Destination, Open } from '../subject/subject.ts'

export interface Session {
  readonly client: Client
  message: (data: unknown) => void
}

/** Resolves when it is open. */
export function openSession(open: Open, destination: Destination): Promise<Session> {
  return new Promise((resolve, reject) => {
    const session: { client?: Client; message: Session['message'] } = { message: () => {} }
    session.client = open(destination, {
      opened: () => resolve(session as Session),
      message: (data) => session.message(data),
      closed: () => reject(new Error('the connection was lost')),
    })
  })
}

export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
