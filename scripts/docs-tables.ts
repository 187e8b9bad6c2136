/**
 * Makes the tables of the guides from the source. `--check` says which differ, and exits with 1.
 *
 *   npm run docs:tables
 */
import { readFile, writeFile } from 'node:fs/promises'
import { type Rules, reconnectingRules, socketRules } from '../packages/holdfast/src/client/options.ts'
import { closeCodes } from '../packages/holdfast/src/core/close-code.ts'
import { gatewayRules } from '../packages/holdfast/src/gateway/options.ts'
import { type Metric, metrics, samplesOf } from '../packages/holdfast/src/server/metrics.ts'
import { drainRules, serverRules, shutdownRules } from '../packages/holdfast/src/server/options.ts'
import { WebSocketServer } from '../packages/holdfast/src/server/websocket-server.ts'
import { isList, keyOf, type SettingName, settingNames, settingOf } from '../packages/holdfast-cli/src/gateway/setting.ts'
import { parity } from '../test/server/ws-parity.ts'

const root = new URL('../', import.meta.url)
const idleServer = new WebSocketServer({ noServer: true })

const serverOptions = new Set(optionRows(serverRules).map(([option]) => option!))

const tables: readonly { readonly file: string; readonly name: string; readonly rows: readonly (readonly string[])[] }[] = [
  {
    file: 'docs/guide/close-codes.md',
    name: 'close-codes',
    rows: [
      ['code', 'name', 'what happens'],
      ...closeCodes.map(({ code, name, outcome }) => [String(code), name, outcome]),
      ['4400–4499', 'the HTTP status 400–499', 'final, but 4408, 4425 and 4429 retried'],
    ],
  },
  {
    file: 'docs/guide/options.md',
    name: 'options',
    rows: [['option', 'default', 'what it may be'], ...optionRows(socketRules), ...optionRows(own(reconnectingRules))],
  },
  {
    file: 'docs/guide/gateway-program.md',
    name: 'gateway-settings',
    rows: [['setting', 'value', 'default', 'what it is'], ...settingNames.map(settingRow)],
  },
  {
    file: 'docs/guide/server.md',
    name: 'server-options',
    rows: [['option', 'default', 'what it may be'], ...optionRows(serverRules)],
  },
  {
    file: 'docs/guide/gateway.md',
    name: 'gateway-options',
    rows: [['option', 'default', 'what it may be'], ...optionRows(gatewayRules).filter(([option]) => !serverOptions.has(option!))],
  },
  {
    file: 'docs/guide/server.md',
    name: 'drain-options',
    rows: [['option', 'default', 'what it may be'], ...optionRows(drainRules)],
  },
  {
    file: 'docs/guide/server.md',
    name: 'shutdown-options',
    rows: [['option', 'default', 'what it may be'], ...optionRows(shutdownRules)],
  },
  {
    file: 'docs/guide/server.md',
    name: 'ws-parity',
    rows: [
      ['of', 'what', 'name', 'here'],
      ...parity.filter(({ kind }) => kind !== 'internal').map(({ of, kind, name, ours }) => [of, kind, `\`${name}\``, ours]),
    ],
  },
  {
    file: 'docs/guide/metrics.md',
    name: 'metrics',
    rows: [
      ['metric', 'type', 'labels', 'what it is'],
      ...metrics.map((metric) => [`\`holdfast_${metric.name}\``, metric.type, labelsOf(metric), metric.help]),
    ],
  },
]

const isCheck = process.argv.includes('--check')
for (const { file, name, rows } of tables) {
  const url = new URL(file, root)
  const text = await readFile(url, 'utf8')
  const made = text.replace(
    new RegExp(`(<!-- table:${name} -->\n)[^]*?(<!-- /table -->)`),
    (_, begin, end) => `${begin}${markdown(rows)}${end}`,
  )
  if (!text.includes(`<!-- table:${name} -->`)) throw new Error(`${file} has no place for the table ${name}`)
  if (made === text) continue
  if (isCheck) {
    console.error(`${file}: the table ${name} is not what the source says; run npm run docs:tables`)
    process.exitCode = 1
  } else await writeFile(url, made)
}

function own(rules: Rules): Rules {
  return Object.fromEntries(Object.entries(rules).filter(([option]) => !(option in socketRules)))
}

function optionRows(rules: Rules, prefix = ''): string[][] {
  return Object.entries(rules).flatMap(([option, rule]) => {
    if (rule.fields) return optionRows(rule.fields, `${prefix}${option}.`)
    return [[`\`${prefix}${option}\``, preset(rule.preset), rule.text]]
  })
}

function settingRow(name: SettingName): string[] {
  const setting = settingOf(name)
  const value = `\`${setting.kind.placeholder.replaceAll('|', '\\|')}\`${isList(setting) ? ', several' : ''}`
  return [`\`${keyOf(name)}\``, value, isList(setting) ? setting.without : `\`${setting.preset}\``, setting.help.replaceAll('|', '\\|')]
}

function preset(value: unknown): string {
  if (Array.isArray(value) && value.length > 0) return value.map(preset).join(', ')
  if (value === undefined || typeof value === 'object' || typeof value === 'function') return '–'
  return `\`${typeof value === 'string' ? `'${value}'` : String(value)}\``
}

/** Each label with its words: a server shows all of them from the beginning. */
function labelsOf(metric: Metric): string {
  const samples = samplesOf(metric, '', {}, idleServer)
  const words = (label: string) => [...new Set(samples.flatMap(({ labels }) => labels[label] ?? []))]
  return metric.labels.map((label) => `\`${label}\`: ${words(label).join(', ')}`).join('; ')
}

function markdown(rows: readonly (readonly string[])[]): string {
  const [head, ...body] = rows.map((cells) => `| ${cells.join(' | ')} |`)
  return `${head}\n|${'---|'.repeat(rows[0]!.length)}\n${body.join('\n')}\n`
}
