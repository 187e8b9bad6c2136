/** What is typed behind a slash: orders to the program, not messages to the server. */

import { suggestWord } from '../fault/suggestion.ts'

export type SlashCommand =
  | { readonly name: 'ping' | 'status' | 'reconnect' | 'help' }
  | { readonly name: 'close'; readonly code: number | undefined; readonly reason: string | undefined }
  | { readonly name: 'unknown'; readonly problem: string }

const usages: readonly (readonly [usage: string, what: string])[] = [
  ['/ping', 'the last round trip, and when it was measured'],
  ['/status', 'what the connection is doing, and what it has done'],
  ['/reconnect', 'give the link up and dial a fresh one now'],
  ['/close [code] [reason]', 'say goodbye and leave; so does Ctrl-D'],
  ['/help', 'this list'],
  ['//text', 'send a message that begins with a slash'],
]

const usageWidth = 24

export const slashHelp: readonly string[] = usages.map(([usage, what]) => `  ${usage.padEnd(usageWidth)}${what}`)

/** For completion with Tab. */
export const slashWords: readonly string[] = ['/ping', '/status', '/reconnect', '/close', '/help']

/** @param line that begins with one slash */
export function parseSlashCommand(line: string): SlashCommand {
  const [word = '', ...rest] = line.trim().split(/\s+/)
  switch (word) {
    case '/ping':
    case '/status':
    case '/reconnect':
    case '/help':
      return rest.length === 0 ? { name: word.slice(1) as 'help' } : unknown(`${word} takes nothing behind it`)
    case '/close':
      return parseClose(rest)
    default: {
      const suggestion = suggestWord(word, slashWords)
      const hint = suggestion === undefined ? 'see /help.' : `did you mean ${suggestion}?`
      return unknown(`there is no ${word}; ${hint} To send it as a message: /${line}`)
    }
  }
}

function parseClose([code, ...reason]: readonly string[]): SlashCommand {
  if (code !== undefined && !/^\d+$/.test(code)) return unknown(`${code} is no close code: /close 4000 see you`)
  return { name: 'close', code: code === undefined ? undefined : Number(code), reason: reason.length === 0 ? undefined : reason.join(' ') }
}

function unknown(problem: string): SlashCommand {
  return { name: 'unknown', problem }
}
