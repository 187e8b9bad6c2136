/** `holdfast connect`: talk to a WebSocket server by hand, or through pipes, over links that come back. */

import { Command, Option } from 'commander'
import type { ReconnectingWebSocket } from 'holdfast'
import { duration, durationOrForever } from '../argument.ts'
import { type Colours, coloursFor } from '../colour.ts'
import { Conversation, type Received } from '../connect/conversation.ts'
import { type DialFlags, keepsSessions, openSocket, parseSocketUrl, windowOf } from '../connect/dial.ts'
import { Dialogue, dialogueVerdict } from '../connect/dialogue.ts'
import { addHeader } from '../connect/header.ts'
import { addLibraryOption } from '../connect/library-option.ts'
import { readLines } from '../connect/line-reader.ts'
import { StreamOutput } from '../connect/output.ts'
import { Prompt } from '../connect/prompt.ts'
import { recite, scriptVerdict } from '../connect/script.ts'
import { slashWords } from '../connect/slash-command.ts'
import { visible } from '../connect/visible.ts'
import { type ExitCode, exitCode } from '../exit-code.ts'
import { watchInterruption } from '../interruption.ts'
import { seconds } from '../terminal/duration.ts'

interface ConnectFlags extends DialFlags {
  readonly execute: readonly string[]
  readonly wait: number
  readonly timeout?: number
  readonly json?: boolean
  readonly color: boolean
}

const defaultWaitMs = 1_000

const help = `
On a terminal, what you type is sent; /help lists the orders. Through a pipe each line of stdin is a message, and each message a line of
stdout (binary ones as "base64:…"; --json tells them apart for certain). At the end of stdin it waits for answers (--wait), then closes.

With --resume a lost link is replaced and the session goes on: what was sent is sent again if it has not arrived, and what was missed
comes after all, once and in order. Through a pipe it ends only when everything that was sent has been acknowledged.

Examples:
  $ holdfast connect wss://example.com/ws
  $ holdfast connect wss://example.com/ws -H 'Authorization: Bearer …' -s graphql-transport-ws
  $ holdfast connect wss://example.com/feed -x '{"subscribe":"prices"}' --wait forever --json > prices.ndjson
  $ seq 1 1000 | holdfast connect ws://127.0.0.1:8080/echo
  $ seq 1 100000 | holdfast connect --resume ws://127.0.0.1:8080/echo > out
  $ holdfast connect wss://example.com/ws -o heartbeat.interval=5s -o retry.maxRetries=3 -o retry.jitter=none

Exit codes: 0 closed in order; 1 lost for good (with --resume also: the server speaks no sessions), or not everything was sent; 2 usage;
4 the server refused the handshake; 5 messages may be missing, because a link died after it had taken them, or with --resume a session
before they were acknowledged (not on a terminal); 124 --timeout; 130 and 143 SIGINT and SIGTERM.`

export function connectCommand(report: (code: ExitCode) => void): Command {
  return new Command('connect')
    .description('Talk to a server, by hand or through pipes, and see what becomes of the link.')
    .argument('<url>', 'where to, such as wss://example.com/ws', parseSocketUrl)
    .addOption(new Option('-H, --header <line>', `a header of the handshake, as 'Name: value' (repeatable)`).argParser(addHeader))
    .addOption(new Option('-s, --subprotocol <name>', 'a subprotocol to offer (repeatable)').argParser(append).default([], 'none'))
    .addOption(
      new Option('-o, --option <key=value>', 'an option of the library, such as heartbeat.interval=5s (repeatable)').argParser(
        addLibraryOption,
      ),
    )
    .addOption(
      new Option('-x, --execute <message>', 'send this instead of stdin, wait for answers, close (repeatable)')
        .argParser(append)
        .default([], 'none'),
    )
    .addOption(
      new Option('-w, --wait <duration>', 'for answers, after -x or the end of stdin; or forever')
        .argParser(durationOrForever)
        .default(defaultWaitMs, '1s'),
    )
    .addOption(new Option('--timeout <duration>', 'end after so long, whatever happens').argParser(duration))
    .option('--ca <file>', 'trust this certificate authority (PEM)')
    .option('-k, --insecure', 'trust any certificate')
    .option('--resume', 'keep the session across links, with nothing lost; the server has to speak holdfast.v1')
    .option('--json', 'write messages and events to stdout, one JSON object a line')
    .option('--no-color', 'no colours, as with NO_COLOR')
    .addHelpText('after', help)
    .action(async (url: string, flags: ConnectFlags) => report(await connect(url, flags)))
}

async function connect(url: string, flags: ConnectFlags): Promise<ExitCode> {
  const { stdin, stderr } = process
  const abandoned = new AbortController()
  const socket = openSocket(url, flags, abandoned.signal)
  const isByHand = stdin.isTTY && stderr.isTTY && flags.execute.length === 0
  return await (isByHand ? converse : perform)(socket, flags, () => abandoned.abort())
}

/** Without a terminal: what is given is sent. */
async function perform(socket: ReconnectingWebSocket, flags: ConnectFlags, abandon: () => void): Promise<ExitCode> {
  const { execute, wait, json = false, color } = flags
  const { stdin } = process
  const output = new StreamOutput(() => conversation.end(exitCode.ok))
  const conversation: Conversation = new Conversation(socket, {
    keepsSessions: keepsSessions(flags),
    output,
    isJson: json,
    colours: coloursFor(process.stderr, color),
    renderMessage: renderPlain,
    receiveGiveup: () => conversation.end(exitCode.lost),
    abandon,
  })
  const messages = execute.length > 0 ? execute : readLines(stdin.setEncoding('utf8'))
  const forget = watchClock(conversation, flags, (line) => output.words(line))
  conversation.announce(execute.length)
  try {
    recite({ messages, waitMs: wait, window: windowOf(flags) }, conversation).catch((error: Error) => {
      // What stdin says of its own end is no news once the conversation is over.
      if (conversation.signal.aborted) return
      output.words(`error: stdin: ${error.message}`)
      conversation.end(exitCode.lost)
    })
    const code = await conversation.run((ended) => scriptVerdict(ended, conversation))
    if (!json) for (const line of lossLines(conversation)) output.words(line)
    return code
  } finally {
    forget()
    if (execute.length === 0) stdin.destroy()
    output.close()
  }
}

/** With a person. */
async function converse(socket: ReconnectingWebSocket, flags: ConnectFlags, abandon: () => void): Promise<ExitCode> {
  const { json = false, color } = flags
  const colours = coloursFor(process.stderr, color)
  const prompt: Prompt = new Prompt({
    receiveLine: (line) => dialogue.receiveLine(line),
    receiveEnd: () => conversation.end(socket.status.state === 'suspended' ? exitCode.lost : exitCode.ok),
    receiveInterrupt: () => process.kill(process.pid, 'SIGINT'),
    words: slashWords,
  })
  const conversation: Conversation = new Conversation(socket, {
    keepsSessions: keepsSessions(flags),
    output: prompt,
    isJson: json,
    colours,
    renderMessage: process.stdout.isTTY ? shownOnTerminal(coloursFor(process.stdout, color)) : renderPlain,
    receiveGiveup: () => dialogue.receiveGiveup(),
    abandon,
  })
  const dialogue = new Dialogue({
    conversation,
    words: (line) => prompt.words(line),
    ask: (question) => prompt.ask(question),
    colours,
  })
  const forget = watchClock(conversation, flags, (line) => prompt.words(line))
  try {
    dialogue.begin()
    const code = await conversation.run(dialogueVerdict)
    if (!json) for (const line of lossLines(conversation)) prompt.words(line)
    return code
  } finally {
    forget()
    prompt.close()
    process.stdin.destroy()
  }
}

const binaryMark = 'base64:'

function renderPlain(message: Received): string {
  return typeof message === 'string' ? message : `${binaryMark}${message.toString('base64')}`
}

function shownOnTerminal(colours: Colours): (message: Received) => string {
  return (message) => `${colours.cyan('<')} ${visible(renderPlain(message))}`
}

/** Signals and the time limit; returns how to stop watching. */
function watchClock(conversation: Conversation, { timeout }: ConnectFlags, words: (line: string) => void): () => void {
  const unwatch = watchInterruption((code) => conversation.end(code))
  const timer =
    timeout === undefined
      ? undefined
      : setTimeout(() => {
          words(`timed out after ${seconds(timeout)} (--timeout)`)
          conversation.end(exitCode.timedOut)
        }, timeout)
  return () => {
    clearTimeout(timer)
    unwatch()
  }
}

function lossLines({ uncertain, unsent, isUnanswered, keepsSessions }: Conversation): string[] {
  const carrier = keepsSessions ? 'session' : 'link'
  return [
    ...(uncertain === 0 ? [] : [`${messages(uncertain)} went into a ${carrier} that died, and may or may not have arrived`]),
    ...(unsent === 0 ? [] : [`${messages(unsent)} never ${keepsSessions ? 'arrived' : 'left'}`]),
    ...(isUnanswered ? ['the server did not answer the goodbye; what it still had to say may be missing'] : []),
  ]
}

function messages(count: number): string {
  return `${count} message${count === 1 ? '' : 's'}`
}

function append(text: string, before: readonly string[]): readonly string[] {
  return [...before, text]
}
