/** `holdfast serve`: a WebSocket server to try clients on. */

import { once } from 'node:events'
import { Command, Option } from 'commander'
import { listenAddress, period } from '../argument.ts'
import { coloursFor } from '../colour.ts'
import { type ExitCode, exitCode } from '../exit-code.ts'
import type { Endpoint } from '../fault/index.ts'
import { watchInterruption } from '../interruption.ts'
import { renderNdjson } from '../ndjson.ts'
import { renderLine, type ServeEvent } from '../serve/event.ts'
import { Playground } from '../serve/playground.ts'
import { Screen } from '../terminal/screen.ts'

interface ServeFlags {
  readonly listen: Endpoint
  readonly heartbeat: number
  readonly sessions: boolean
  readonly ttl?: number
  readonly json?: boolean
  readonly color: boolean
}

const defaultListen: Endpoint = { host: '127.0.0.1', port: 8080 }
const defaultHeartbeatMs = 30_000
const defaultTtlMs = 300_000

const examples = `
Paths: / and /echo answer every message with itself; /clock tells the time every second; /feed counts the seconds since the start, on
and on, so that a gap in the numbers is what a client has missed. Both take ?every=200ms.

A client that asks for a session (holdfast connect --resume) keeps it when its link is lost, and misses nothing if it is back within --ttl.
Every other client is served as by any WebSocket server.

Examples:
  $ holdfast serve                                  # on ws://127.0.0.1:8080
  $ holdfast connect ws://127.0.0.1:8080/echo       # …and somebody to talk to it
  $ holdfast connect --resume ws://127.0.0.1:8080/feed
  $ holdfast serve --listen 0.0.0.0:9000            # for other machines too
  $ holdfast serve --json | jq -c 'select(.event == "closed")'
  $ holdfast chaos 127.0.0.1:8080 --listen 8081     # the same server, behind a network that breaks`

export function serveCommand(report: (code: ExitCode) => void): Command {
  return new Command('serve')
    .description('Run a WebSocket server that echoes, tells the time and counts.')
    .addOption(
      new Option('--listen <[host:]port>', 'where to listen; port 0 is any free one')
        .argParser(listenAddress)
        .default(defaultListen, '127.0.0.1:8080'),
    )
    .addOption(
      new Option('--heartbeat <duration>', 'ping each client so often, and drop those that do not answer')
        .argParser(period)
        .default(defaultHeartbeatMs, '30s'),
    )
    .addOption(new Option('--ttl <duration>', 'keep a session for so long after its link is lost (default: 300s)').argParser(period))
    .addOption(new Option('--no-sessions', 'plain links only'))
    .option('--json', 'write what happens to stdout, one JSON object a line')
    .option('--no-color', 'no colours, as with NO_COLOR')
    .addHelpText('after', examples)
    .action(async (flags: ServeFlags, command: Command) => {
      if (!flags.sessions && flags.ttl !== undefined)
        command.error(`error: option '--ttl' is for sessions; leave it out, or '--no-sessions'`)
      report(await serve(flags))
    })
}

/** A server is there to be stopped: a signal is its normal end. */
async function serve({ listen, heartbeat, sessions, ttl = defaultTtlMs, json = false, color }: ServeFlags): Promise<ExitCode> {
  const colours = coloursFor(process.stderr, color)
  const over = new AbortController()
  const stop = (): void => over.abort()
  const screen = new Screen({ isLive: false, receiveGone: stop })
  const tell = (event: ServeEvent): void => {
    if (json) screen.data(renderNdjson({ at: Date.now(), ...event }))
    else screen.words(renderLine(event, colours))
  }
  const unwatch = watchInterruption(stop)
  try {
    const playground = await Playground.listen({ listen, heartbeatMs: heartbeat, ttlMs: sessions ? ttl : undefined, tell })
    if (!over.signal.aborted) await once(over.signal, 'abort')
    await playground.close()
    return exitCode.ok
  } finally {
    unwatch()
    screen.close()
  }
}
