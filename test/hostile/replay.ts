/** Plays the part of one end in a recorded conversation, word for word but for what was spoiled, and expects nothing of the other. */

import type { CloseInfo } from '../../packages/holdfast/src/core/close-info.ts'
import { ClientEnd } from '../vectors/client-end.ts'
import type { Conversation, Side, Step } from '../vectors/conversation.ts'
import type { Given, Message } from '../vectors/given.ts'
import { ServerEnd } from '../vectors/server-end.ts'
import { given } from './arbitrary.ts'
import { checkEvent } from './attacked-server.ts'
import type { Event } from './honest.ts'

type FrameStep = Extract<Step, { readonly frame: Message }>

/** Frames of a conversation that reach this end. */
export function framesTo({ steps }: Conversation, side: Side): number {
  return steps.filter((step) => isFrameTo(step, side)).length
}

/** @param spoil what arrives in place of a frame; `number` counts those that reach this end */
export function replay(
  conversation: Conversation,
  recorded: Given,
  side: Side,
  spoil: (frame: Message, number: number) => Message[],
): ClientEnd | ServerEnd {
  const all: Given = { ...recorded, ...conversation.with, credentials: [...recorded.credentials, ...given.credentials] }
  const end = side === 'client' ? new ClientEnd({ ...all, reconnects: true }) : new ServerEnd(all)
  let number = 0
  for (const step of conversation.steps) {
    if (isFrameTo(step, side)) for (const message of spoil(step.frame, number++)) end.receive(step.link, message)
    else if (end instanceof ClientEnd) playServer(end, step)
    else playClient(end, step, all.proto)
    for (const [queue, event] of end.journal.drain() as [string, Event & { link: number }][]) {
      if (queue === 'dial') dials.set(end, event.link)
      else checkEvent(event)
    }
  }
  return end
}

/** What a client dialled last and nobody answered. */
const dials = new WeakMap<ClientEnd | ServerEnd, number>()

function isFrameTo(step: Step, side: Side): step is FrameStep {
  return 'frame' in step && step.from !== side && step.way !== 'lost' && step.way !== 'delayed'
}

function playServer(end: ClientEnd, step: Step): void {
  if ('at' in step) pass(end, step.at)
  else if ('opens' in step || 'fails' in step) answer(end, step)
  else if ('close' in step && step.from === 'server') end.closed(step.link, closed(step.close, step.reason))
  else if ('cut' in step && step.cut !== 'server') end.closed(step.link, closed(1006))
  else if ('client sends' in step && end.machine.canSubmit) for (const message of step['client sends']) end.send(message)
  else if ('client closes' in step) end.close(step['client closes'])
}

function answer(end: ClientEnd, step: Extract<Step, { readonly opens: string } | { readonly fails: true }>): void {
  const dialled = dials.get(end) ?? (end.journal.take('dial') as { readonly link: number } | undefined)?.link
  dials.delete(end)
  if (dialled === undefined || ('only' in step && step.only === 'server')) return
  if ('fails' in step) end.fail(dialled)
  else end.open(step.link, dialled, step.answer === undefined)
}

function playClient(end: ServerEnd, step: Step, proto: string): void {
  if ('at' in step) pass(end, step.at)
  else if ('opens' in step && step.only !== 'client') {
    const verdict = step.wrong
      ? ({ kind: 'refused', why: step.wrong } as const)
      : ({ kind: 'accepted', principal: step.principal ?? 'the same', proto } as const)
    end.open(step.link, step.opens === 'holdfast.v1.resume', verdict)
  } else if ('close' in step && step.from === 'client') end.closed(step.link, closed(step.close, step.reason))
  else if ('cut' in step && step.cut !== 'client') end.closed(step.link, closed(1006))
  else if ('server sends' in step && end.hasSession) for (const message of step['server sends']) end.send(message)
  else if ('server closes' in step && end.hasSession) end.close(step['server closes'])
}

function pass(end: ClientEnd | ServerEnd, until: number): void {
  while (end.deadline <= until) end.tick(Math.max(end.now, end.deadline))
  end.now = Math.max(end.now, until)
}

function closed(code: number, reason = ''): CloseInfo {
  return { code, reason, wasClean: code !== 1006, cause: 'network' }
}
