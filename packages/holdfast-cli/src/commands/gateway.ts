/** `holdfast gateway`: sessions in front of a backend that knows nothing of them. */

import { Command, Option } from 'commander'
import { type ExitCode, exitCode } from '../exit-code.ts'
import { type Configuration, configVariable, type Given, readEnvironment, resolveConfiguration } from '../gateway/configuration.ts'
import { isList, keyOf, type SettingName, settingNames, settingOf } from '../gateway/setting.ts'

/** A switch without a value is true. */
type GatewayFlags = { readonly [Name in SettingName]?: readonly string[] | true } & {
  readonly config?: string
  readonly printConfig?: boolean
  readonly color: boolean
}

const help = `
Every setting may also be in the environment, as HOLDFAST_HOLD=300s (several values with spaces between them), or in a file of YAML:

  listen: 0.0.0.0:8080
  upstream:
    - ws://127.0.0.1:9000
    - /chat=ws://127.0.0.1:9001
  hold: 300s
  admin: 127.0.0.1:9090

A flag goes before the environment, the environment before the file; --print-config shows what holds, and why.

Examples:
  $ holdfast gateway --upstream ws://127.0.0.1:9000
  $ holdfast connect --resume ws://127.0.0.1:8080/            # …and somebody to talk to the backend
  $ holdfast gateway --listen 8080 --upstream ws://127.0.0.1:9000 --upstream /chat=ws+unix:/run/chat.sock --hold 5m
  $ holdfast gateway --config gateway.yaml --admin 127.0.0.1:9090
  $ holdfast gateway --listen 0.0.0.0:8443 --tls-cert chain.pem --tls-key key.pem --upstream ws://127.0.0.1:9000
  $ kill -HUP <pid>                                           # reads the certificate again
  $ curl -X POST 127.0.0.1:9090/api/drain                     # what SIGTERM does

SIGTERM and Ctrl-C drain: /readyz says 503 for --drain-delay, then the clients are sent elsewhere, and the backends are told goodbye. A
second signal ends it at once.

Exit codes: 0 drained; 2 usage, or an address that cannot be listened on; 143 and 130 ended at once by a second signal.`

export function gatewayCommand(report: (code: ExitCode) => void): Command {
  const command = new Command('gateway').description('Put sessions in front of a WebSocket server that knows nothing of them.')
  for (const name of settingNames) command.addOption(optionOf(name))
  return command
    .addOption(new Option('--config <file>', 'read settings from this file of YAML').env(configVariable))
    .option('--print-config', 'show what holds and who said so, and end')
    .option('--no-color', 'no colours, as with NO_COLOR')
    .addHelpText('after', help)
    .action(async (flags: GatewayFlags) => {
      const { configuration, doubts } = await configurationOf(flags)
      if (flags.printConfig) {
        process.stdout.write(`${configuration.lines.join('\n')}\n`)
        for (const doubt of doubts) process.stderr.write(`${doubt}\n`)
        report(exitCode.ok)
        return
      }
      // What only this command needs is loaded when it runs: the others start without it.
      const { runGateway } = await import('../gateway/service.ts')
      report(await runGateway(configuration.values, { doubts, color: flags.color }))
    })
}

async function configurationOf(flags: GatewayFlags): Promise<{ configuration: Configuration; doubts: readonly string[] }> {
  const { given: environment, doubts } = readEnvironment(process.env)
  const given = new Map<SettingName, Given>()
  for (const name of settingNames) {
    const texts = flags[name]
    if (texts !== undefined) given.set(name, { source: `--${keyOf(name)}`, texts: texts === true ? ['on'] : texts })
  }
  const file = flags.config === undefined ? undefined : (await import('../gateway/config-file.ts')).readConfigFile(flags.config)
  return { configuration: resolveConfiguration({ flags: given, environment, file: file?.given ?? new Map() }, file?.problems), doubts }
}

function optionOf(name: SettingName): Option {
  const setting = settingOf(name)
  const { placeholder } = setting.kind
  const text = isList(setting)
    ? `${setting.help} (repeatable; default: ${setting.without})`
    : `${setting.help} (default: ${setting.preset})`
  const isSwitch = placeholder === 'on|off'
  const option = new Option(`--${keyOf(name)} ${isSwitch ? `[${placeholder}]` : `<${placeholder}>`}`, text)
  return option.argParser((value: string, before: unknown) => (isList(setting) && Array.isArray(before) ? [...before, value] : [value]))
}
