/** `holdfast demo`: clients side by side on real traffic, over a network that breaks; or the gateway in front of a server of one's own. */

import { Command, InvalidArgumentError, Option } from 'commander'
import { ReconnectingWebSocket } from 'holdfast'
import { coloursFor } from '../colour.ts'
import { Demonstration, type DemoOptions } from '../demo/demonstration.ts'
import { connectLines } from '../demo/guide.ts'
import { type ExitCode, exitCode } from '../exit-code.ts'
import { type Given, resolveConfiguration } from '../gateway/configuration.ts'
import type { SettingName } from '../gateway/setting.ts'
import { Screen } from '../terminal/screen.ts'

interface DemoFlags {
  readonly upstream?: string
  readonly seconds?: number
  readonly seed?: number
  readonly port?: number
  readonly json?: boolean
  readonly color: boolean
}

const defaultSeconds = 20
const maxSeconds = 24 * 60 * 60
const maxPort = 65_535
const maxSeed = 0xffff_ffff
/** Short enough to be remembered and typed. */
const drawnSeeds = 10_000
const msPerSecond = 1_000
/** Somebody waits at the keyboard. */
const shortDrain = '2s'

export function demoCommand(report: (code: ExitCode) => void): Command {
  return new Command('demo')
    .description(
      'Show what a network that breaks does to messages, without sessions and with; or put sessions in front of a server of yours.',
    )
    .argument('[url]', 'show the link to this server instead, without faults', parseSocketUrl)
    .option('--upstream <url>', 'put the gateway in front of this server instead, and say how to connect')
    .option('--seconds <number>', `end by itself after so long (default: ${defaultSeconds}; on a terminal, when you press q)`, parseSeconds)
    .addOption(new Option('--seed <number>', 'repeat the faults of another run').argParser(wholeNumber('a seed', maxSeed)))
    .addOption(
      new Option('--port <number>', 'where the breaking network listens (default: any free port)').argParser(
        wholeNumber('a port', maxPort),
      ),
    )
    .option('--json', 'write what happens to stdout, one JSON object a line')
    .option('--no-color', 'no colours, as with NO_COLOR')
    .addHelpText(
      'after',
      '\nExit codes: 0 the session lost nothing and duplicated nothing; 1 lost for good; 2 usage; 3 it lost something; 4 refused; 143 SIGTERM.',
    )
    .action(async (url: string | undefined, flags: DemoFlags, command: Command) => {
      for (const flag of ['seed', 'port'] as const)
        if (url !== undefined && flags[flag] !== undefined)
          command.error(`error: option '--${flag}' is for the demonstration's own network; leave it out, or the url`)
      if (flags.upstream === undefined) {
        report(await demonstrate(url, flags))
        return
      }
      if (url !== undefined) command.error("error: a url is watched, and option '--upstream' is served; give one of them")
      for (const flag of ['seconds', 'seed', 'json'] as const)
        if (flags[flag] !== undefined)
          command.error(
            `error: option '--${flag}' is for the demonstration; leave it out, or '--upstream', whose gateway runs until Ctrl-C`,
          )
      report(await serveUpstream(flags.upstream, flags))
    })
}

async function demonstrate(url: string | undefined, flags: DemoFlags): Promise<ExitCode> {
  const { stdin, stdout, stderr } = process
  const isLive = stdin.isTTY && stdout.isTTY && stderr.isTTY && canRedraw(process.env)
  const colours = { out: coloursFor(stdout, flags.color), err: coloursFor(stderr, flags.color) }
  const { seconds = isLive ? Infinity : defaultSeconds, seed = Math.floor(Math.random() * drawnSeeds), port = 0, json = false } = flags
  const options: DemoOptions = { url, durationMs: seconds * msPerSecond, seed, port, isJson: json, colours }

  const screen = new Screen({ isLive, receiveGone: () => demonstration.end(exitCode.ok) })
  const demonstration = new Demonstration(options, screen)
  const unwatch = watchSignals(demonstration)
  try {
    return await demonstration.run()
  } finally {
    unwatch()
    screen.close()
  }
}

/** The gateway as `holdfast gateway` runs it, on a free port. */
async function serveUpstream(upstream: string, { port = 0, color }: DemoFlags): Promise<ExitCode> {
  const settings: [SettingName, string][] = [
    ['upstream', upstream],
    ['listen', String(port)],
    ['drainTimeout', shortDrain],
  ]
  const flags = new Map(settings.map(([name, text]): [SettingName, Given] => [name, { source: `--${name}`, texts: [text] }]))
  const { values } = resolveConfiguration({ flags, environment: new Map(), file: new Map() })
  const { runGateway } = await import('../gateway/service.ts')
  const colours = coloursFor(process.stderr, color)
  const announce = (url: string): void => {
    for (const line of connectLines(url, colours)) process.stderr.write(`${line}\n`)
  }
  return await runGateway(values, { color, announce })
}

function canRedraw({ TERM }: NodeJS.ProcessEnv): boolean {
  return TERM !== 'dumb'
}

/** The first signal ends the demonstration in order, a second one the process at once. */
function watchSignals(demonstration: Demonstration): () => void {
  let count = 0
  const receive = (first: ExitCode, second: ExitCode) => (): void => {
    count++
    if (count > 1) process.exit(second)
    demonstration.end(first)
  }
  // Ctrl-C is how a demonstration is meant to end.
  const interrupt = receive(exitCode.ok, exitCode.interrupted)
  const terminate = receive(exitCode.terminated, exitCode.terminated)
  process.on('SIGINT', interrupt).on('SIGTERM', terminate)
  return () => void process.off('SIGINT', interrupt).off('SIGTERM', terminate)
}

function parseSocketUrl(text: string): string {
  try {
    // The rules are the library's; this one never dials.
    return new ReconnectingWebSocket(text, [], { autoStart: false }).url
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}

function parseSeconds(text: string): number {
  const seconds = Number(text)
  if (text.trim() !== '' && seconds >= 1 && seconds <= maxSeconds) return seconds
  throw new InvalidArgumentError(`Seconds are a number from 1 to ${maxSeconds}, such as ${defaultSeconds}.`)
}

function wholeNumber(what: string, max: number): (text: string) => number {
  return (text) => {
    if (/^\d+$/.test(text) && Number(text) <= max) return Number(text)
    throw new InvalidArgumentError(`${what[0]!.toUpperCase()}${what.slice(1)} is a whole number from 0 to ${max}.`)
  }
}
