/** `holdfast chaos`: a network that breaks, in front of any server. */

import { readFileSync } from 'node:fs'
import { Command, InvalidArgumentError, Option } from 'commander'
import { byteSize, duration, listenAddress, period, wholeNumber } from '../argument.ts'
import { Chaos } from '../chaos/chaos.ts'
import type { Plan } from '../chaos/plan.ts'
import { coloursFor } from '../colour.ts'
import type { ExitCode } from '../exit-code.ts'
import { parseEndpoint } from '../fault/endpoint.ts'
import { type Endpoint, parseSchedule, type RandomKind, randomKinds, ScheduleError, seededRandom } from '../fault/index.ts'
import { limitRule, sliceRule } from '../fault/shape.ts'
import { suggestWord } from '../fault/suggestion.ts'
import { watchInterruption } from '../interruption.ts'
import { Screen } from '../terminal/screen.ts'
import { UsageError } from '../usage-error.ts'

interface ChaosFlags {
  readonly listen: Endpoint
  readonly control?: Endpoint
  readonly delay?: number
  readonly jitter?: number
  readonly slice?: number
  readonly limit?: number
  readonly seed?: number
  readonly meanGap?: number
  readonly faults?: readonly RandomKind[]
  readonly schedule?: string
  readonly for?: number
  readonly json?: boolean
  readonly color: boolean
}

const defaultListen: Endpoint = { host: '127.0.0.1', port: 8081 }
const defaultMeanGapMs = 2_000
const maxSeed = 0xffff_ffff
/** Short enough to be remembered and typed. */
const drawnSeeds = 10_000

const examples = `
Examples:
  $ holdfast chaos 127.0.0.1:8080 --listen 8081           # passes everything; break it with the keys
  $ holdfast chaos ws://127.0.0.1:8080 --delay 80ms --jitter 40ms --limit 64KiB
  $ holdfast chaos 127.0.0.1:8080 --seed 7 --mean-gap 5s --faults reset,freeze
  $ holdfast chaos 127.0.0.1:8080 --schedule outage.txt --for 30s --json > chaos.ndjson
  $ holdfast chaos 127.0.0.1:8080 --control 9001          # takes orders:
    curl -X POST 127.0.0.1:9001/reset                     # tear every connection down (RST); /cut: end them (FIN)
    curl -X POST '127.0.0.1:9001/freeze?direction=down'   # silence, which nobody is told of
    curl -X POST '127.0.0.1:9001/heal?held=drop'          # over, but not for those who were connected
    curl -X POST 127.0.0.1:9001/refuse                    # the port is closed, until /accept
    curl -X POST '127.0.0.1:9001/delay?ms=20&jitter=5'    # and /slice?bytes=7, /limit?bytesPerSecond=65536; 0 is off
    curl 127.0.0.1:9001/status

A schedule has one step a line, such as "at 2s reset", "at 5s freeze both for 3s drop" or "every 250ms reset until 10s".`

export function chaosCommand(report: (code: ExitCode) => void): Command {
  return new Command('chaos')
    .description('Put a network that breaks in front of a server.')
    .argument('<upstream>', 'the server: host:port or a URL, of which host and port count', parseUpstream)
    .addOption(
      new Option('--listen <[host:]port>', 'where clients connect; port 0 is any free one')
        .argParser(listenAddress)
        .default(defaultListen, '127.0.0.1:8081'),
    )
    .addOption(new Option('--delay <duration>', 'every chunk takes so much longer, each way').argParser(duration))
    .addOption(new Option('--jitter <duration>', 'by how much the delay varies, either way').argParser(duration))
    .addOption(new Option('--slice <bytes>', 'write at most so many bytes at once').argParser(byteSize(sliceRule.max)))
    .addOption(new Option('--limit <bytes>', 'pass at most so many bytes a second, each way').argParser(byteSize(limitRule.max)))
    .addOption(new Option('--seed <number>', 'random faults, the same for the same seed').argParser(wholeNumber(maxSeed)))
    .addOption(new Option('--mean-gap <duration>', 'random faults, so far apart on average (default: 2s)').argParser(period))
    .addOption(new Option('--faults <kinds>', `random faults of these kinds only (of ${randomKinds.join(',')})`).argParser(parseKinds))
    .addOption(new Option('--schedule <file>', 'the faults of this file').conflicts(['seed', 'meanGap', 'faults']))
    .addOption(new Option('--control <[host:]port>', 'take orders over HTTP here').argParser(listenAddress))
    .addOption(new Option('--for <duration>', 'end by itself after so long').argParser(period))
    .option('--json', 'write what happens to stdout, one JSON object a line')
    .option('--no-color', 'no colours, as with NO_COLOR')
    .addHelpText('after', examples)
    .action(async (upstream: Endpoint, flags: ChaosFlags) => report(await breakNetwork(upstream, flags)))
}

/** A proxy is there to be stopped: a signal is its normal end. */
async function breakNetwork(upstream: Endpoint, flags: ChaosFlags): Promise<ExitCode> {
  const { listen, control, delay = 0, jitter = 0, slice = 0, limit = 0, json = false } = flags
  const plan = planOf(flags)
  const { stdin, stdout, stderr } = process
  const { TERM } = process.env
  const isLive = stdin.isTTY && stdout.isTTY && stderr.isTTY && TERM !== 'dumb'
  const screen = new Screen({ isLive, receiveGone: () => chaos.end() })
  const chaos = new Chaos(
    {
      proxy: {
        upstream,
        ...listen,
        delay: { ms: delay, jitter },
        slice,
        limit,
        ...(plan.name === 'random' && { random: seededRandom(plan.seed) }),
      },
      plan,
      control,
      durationMs: flags.for ?? Infinity,
      isJson: json,
      colours: coloursFor(stderr, flags.color),
    },
    screen,
  )
  const unwatch = watchInterruption(() => chaos.end())
  try {
    return await chaos.run()
  } finally {
    unwatch()
    screen.close()
  }
}

function planOf({ schedule: file, seed, meanGap, faults }: ChaosFlags): Plan {
  if (file !== undefined) return { name: 'schedule', file, schedule: readSchedule(file) }
  if (seed === undefined && meanGap === undefined && faults === undefined) return { name: 'quiet' }
  const drawn = Math.floor(Math.random() * drawnSeeds)
  return { name: 'random', seed: seed ?? drawn, meanGapMs: meanGap ?? defaultMeanGapMs, kinds: faults }
}

function readSchedule(file: string): ReturnType<typeof parseSchedule> {
  try {
    return parseSchedule(readFileSync(file, 'utf8'), file)
  } catch (error) {
    const { message } = error as Error
    throw new UsageError(`--schedule ${error instanceof ScheduleError ? message : `${file}: ${message}`}`, { cause: error })
  }
}

function parseUpstream(text: string): Endpoint {
  try {
    return parseEndpoint(text)
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}

function parseKinds(text: string): readonly RandomKind[] {
  return text.split(',').map((word) => {
    const kind = randomKinds.find((each) => each === word.trim())
    if (kind !== undefined) return kind
    const suggestion = suggestWord(word.trim(), randomKinds)
    throw new InvalidArgumentError(
      `Accepted are ${randomKinds.join(', ')}, with commas between them; not ${JSON.stringify(word)}${suggestion === undefined ? '' : ` (did you mean ${suggestion}?)`}.`,
    )
  })
}
