/** A conversation with a person at a terminal: what is typed is sent, or an order, or the answer to a question. */

import type { Status } from 'holdfast'
import type { Colours } from '../colour.ts'
import { type ExitCode, exitCode } from '../exit-code.ts'
import { renderSession, sessionName } from '../life/session-name.ts'
import { milliseconds, seconds } from '../terminal/duration.ts'
import type { Conversation } from './conversation.ts'
import { parseSlashCommand, type SlashCommand, slashHelp } from './slash-command.ts'

const prompt = '> '
const question = 'Nobody answers. Enter tries again, q quits: '

export interface DialogueOptions {
  readonly conversation: Conversation
  readonly words: (line: string) => void
  readonly ask: (question: string) => void
  readonly colours: Colours
}

export class Dialogue {
  readonly #options: DialogueOptions

  constructor(options: DialogueOptions) {
    this.#options = options
  }

  begin(): void {
    const { words, ask, conversation, colours } = this.#options
    words(colours.dim(`Dialling ${conversation.socket.url}. What you type is sent; /help lists the orders, Ctrl-D leaves.`))
    ask(prompt)
  }

  /** The tries are used up. */
  receiveGiveup(): void {
    this.#options.ask(question)
  }

  receiveLine(line: string): void {
    const isOrder = line.startsWith('/') && !line.startsWith('//')
    if (isOrder) this.#obey(parseSlashCommand(line))
    else if (this.#isSuspended) this.#answer(line.trim())
    else if (line !== '') this.#send(line.startsWith('//') ? line.slice(1) : line)
  }

  get #isSuspended(): boolean {
    return this.#options.conversation.socket.status.state === 'suspended'
  }

  #answer(word: string): void {
    switch (word.toLowerCase()) {
      case '':
      case 'r':
        this.#reconnect()
        return
      case 'q':
        this.#options.conversation.end(exitCode.lost)
        return
      default:
        this.#options.words('Not sent: there is no connection. Enter tries again, q quits.')
    }
  }

  #send(text: string): void {
    const { conversation, words, colours } = this.#options
    const { state } = conversation.socket.status
    if (state !== 'open') words(colours.dim(`no link at the moment; it is sent with the next one`))
    void conversation.send(text)
  }

  #obey(command: SlashCommand): void {
    const { conversation, words } = this.#options
    switch (command.name) {
      case 'ping':
        words(pingText(conversation))
        return
      case 'status':
        for (const line of statusLines(conversation)) words(line)
        return
      case 'reconnect':
        this.#reconnect()
        return
      case 'close':
        this.#close(command)
        return
      case 'help':
        for (const line of slashHelp) words(line)
        return
      case 'unknown':
        words(command.problem)
        return
    }
  }

  #reconnect(): void {
    const { conversation, ask } = this.#options
    conversation.socket.reconnect()
    ask(prompt)
  }

  #close({ code, reason }: Extract<SlashCommand, { name: 'close' }>): void {
    const { conversation, words } = this.#options
    try {
      conversation.socket.close(code ?? normalClosure, reason)
    } catch (error) {
      words((error as Error).message)
    }
  }
}

/** A person sees what may be missing, and judges. */
export function dialogueVerdict(ended: ExitCode): ExitCode {
  return ended
}

const normalClosure = 1000

function pingText({ pong, socket }: Conversation): string {
  const hint = 'a ping goes out after heartbeat.interval of silence; for more of them: -o heartbeat.interval=5s'
  if (pong === undefined) return `no ping was answered yet: ${hint}`
  const which = socket.status.rtt === null ? ', on an earlier link' : ''
  return `rtt ${milliseconds(pong.rttMs)}, measured ${seconds(performance.now() - pong.at)} ago${which} (${hint})`
}

function statusLines({ socket, uncertain }: Conversation): string[] {
  const { status, stats, url, protocol } = socket
  const { links, dials, sent, received, bufferedBytes, unackedMessages, failures } = stats
  const open = status.session?.id ? `; ${unackedMessages} unacknowledged` : ''
  const failed = Object.entries(failures).map(([cause, count]) => `${cause} ${count}×`)
  return [
    `  ${stateText(status)}  ${url}${protocol && `, subprotocol ${protocol}`}`,
    ...(status.session?.id ? [`  ${sessionText(status.session.id, status.session)}`] : []),
    `  ${count(dials, 'dial')}, ${count(links, 'link')}${failed.length === 0 ? '' : `; failures: ${failed.join(', ')}`}`,
    `  ${sent} sent, ${received} received, ${bufferedBytes} bytes wait to leave${open}${uncertain === 0 ? '' : `; ${uncertain} sent may be missing`}`,
  ]
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

function sessionText(id: string, { ttl, since }: NonNullable<Status['session']>): string {
  return `${renderSession(sessionName(id))}, resumable for ${seconds(ttl)}, ${seconds(Date.now() - since)} old`
}

/** A link opens with its session, unless the session outlives links: then only the session's age is known. */
function stateText({ state, attempt, retryAt, session, rtt }: Status): string {
  const now = Date.now()
  const trip = rtt === null ? '' : `, rtt ${milliseconds(rtt)}`
  if (state === 'open') return `open${session?.id ? '' : ` for ${seconds(now - (session?.since ?? now))}`}${trip}`
  if (state === 'waiting' && retryAt !== null) return `retry ${attempt} in ${seconds(Math.max(0, retryAt - now))}`
  return state
}
