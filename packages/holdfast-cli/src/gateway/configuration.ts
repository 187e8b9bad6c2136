/** What the gateway is told, and by whom: a flag goes before the environment, that before the file, and that before the default. */

import { suggestWord } from '../fault/suggestion.ts'
import { UsageError } from '../usage-error.ts'
import { isLoopback, isSameAddress, renderAddress } from './address.ts'
import { findRival, renderRoute } from './route.ts'
import { isList, keyOf, type SettingName, type Settings, settingNames, settingOf, variableOf } from './setting.ts'

/** A setting as somebody gave it. */
export interface Given {
  /** Such as `--hold`, `HOLDFAST_HOLD` or `gateway.yaml:3`. */
  readonly source: string
  /** More than one only for a list. */
  readonly texts: readonly string[]
}

export interface Sources {
  readonly flags: ReadonlyMap<SettingName, Given>
  readonly environment: ReadonlyMap<SettingName, Given>
  readonly file: ReadonlyMap<SettingName, Given>
}

export interface Configuration {
  readonly values: Settings
  /** A file of all settings, and behind each who said so. Passwords are left out. */
  readonly lines: readonly string[]
}

const preset = 'default'
const sourceColumn = 40

/** What names the file. */
export const configVariable = 'HOLDFAST_CONFIG'

/** @throws UsageError with a line for each problem: the source, the value and the rule @param problems those that are known already */
export function resolveConfiguration({ flags, environment, file }: Sources, problems: readonly string[] = []): Configuration {
  const found = [...problems]
  const values: Partial<Record<SettingName, unknown>> = {}
  const lines = settingNames.map((name) => {
    const setting = settingOf(name)
    const { kind } = setting
    const given = flags.get(name) ?? environment.get(name) ?? file.get(name)
    const { source, texts } = given ?? { source: preset, texts: isList(setting) ? [] : [setting.preset] }
    const subject = given !== undefined && given === file.get(name) ? `${source}: ${keyOf(name)}` : source
    if (!isList(setting) && texts.length !== 1) found.push(`${subject} is a list; it must be ${kind.rule}`)
    const items = texts.map((text) => {
      const value = kind.parse(text)
      if (value === undefined) found.push(`${subject} is ${JSON.stringify(withoutPassword(text))}; it must be ${kind.rule}`)
      return value
    })
    values[name] = isList(setting) ? items : items[0]
    const shown = items.map((item) => (item === undefined ? '' : yamlText(withoutPassword(kind.render(item)))))
    const line = `${keyOf(name)}: ${isList(setting) ? `[${shown.join(', ')}]` : shown.join()}`
    return `${line.padEnd(sourceColumn)}  # ${source}`
  })
  if (found.length === 0) found.push(...contradictions(values as unknown as Settings))
  if (found.length > 0) throw new UsageError(found.join('\nerror: '))
  return { values: values as unknown as Settings, lines }
}

/** What is in order by itself, and does not go together. */
function contradictions({ listen, upstream, admin, adminAllowRemote, tlsCert, tlsKey }: Settings): string[] {
  const rival = findRival(upstream)
  return [
    ...(upstream.length === 0 ? ['there is no upstream; name the backend, such as --upstream ws://127.0.0.1:9000'] : []),
    ...(rival ? [`two upstreams are for ${rival.prefix}, and one of them is ${withoutPassword(renderRoute(rival))}; leave one out`] : []),
    ...((tlsCert === null) === (tlsKey === null)
      ? []
      : [`tls-cert and tls-key go together; ${tlsCert === null ? 'tls-cert' : 'tls-key'} is missing`]),
    ...(admin && isSameAddress(admin, listen)
      ? [`listen and admin are both ${renderAddress(listen)}; the admin listener is never on the public one`]
      : []),
    ...(admin && !adminAllowRemote && !isLoopback(admin)
      ? [`admin is ${renderAddress(admin)}, which other machines reach; choose 127.0.0.1, or say so with --admin-allow-remote`]
      : []),
  ]
}

/** The settings of the environment, where an empty one is none, and a line for each variable that was probably meant as one. */
export function readEnvironment(env: NodeJS.ProcessEnv): { given: Map<SettingName, Given>; doubts: readonly string[] } {
  const given = new Map<SettingName, Given>()
  for (const name of settingNames) {
    const text = env[variableOf(name)]?.trim()
    if (text) given.set(name, { source: variableOf(name), texts: isList(settingOf(name)) ? text.split(/\s+/) : [text] })
  }
  const known = [...settingNames.map(variableOf), configVariable]
  const doubts = Object.keys(env)
    .filter((variable) => variable.startsWith('HOLDFAST_') && !known.includes(variable))
    .flatMap((variable) => {
      const meant = suggestWord(
        variable.toLowerCase(),
        known.map((each) => each.toLowerCase()),
      )
      return meant === undefined ? [] : [`${variable} in the environment is no setting; did you mean ${meant.toUpperCase()}?`]
    })
  return { given, doubts }
}

export function withoutPassword(text: string): string {
  return text.replace(/(\/\/[^/@\s:]*):[^/\s]*@/g, '$1:…@')
}

function yamlText(text: string): string {
  return /^[\w/][\w/.:+=@*-]*$/.test(text) ? text : JSON.stringify(text)
}
