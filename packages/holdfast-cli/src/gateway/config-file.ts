/** A configuration file: YAML, one setting a key, each with the line it stands on. */

import { readFileSync } from 'node:fs'
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml'
import { suggestWord } from '../fault/suggestion.ts'
import type { Given } from './configuration.ts'
import { isList, keyOf, type SettingName, settingNames, settingOf } from './setting.ts'

export interface ConfigFile {
  readonly given: ReadonlyMap<SettingName, Given>
  readonly problems: readonly string[]
}

export function readConfigFile(path: string): ConfigFile {
  try {
    return parseConfig(readFileSync(path, 'utf8'), path)
  } catch (error) {
    return { given: new Map(), problems: [`--config ${path}: ${(error as Error).message}`] }
  }
}

/** @param path what the lines are said to be of */
export function parseConfig(text: string, path: string): ConfigFile {
  const lines = new LineCounter()
  const { contents, errors } = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const at = (offset: number | undefined): string => `${path}:${lines.linePos(offset ?? 0).line}`
  if (errors.length > 0) return { given: new Map(), problems: errors.map(({ message, pos }) => `${at(pos[0])}: ${message}`) }
  // An empty file, or one of comments only.
  if (contents === null || (isScalar(contents) && contents.value === null)) return { given: new Map(), problems: [] }
  if (!isMap(contents))
    return { given: new Map(), problems: [`${at(contents.range?.[0])}: a configuration is settings, such as "hold: 300s"`] }
  const given = new Map<SettingName, Given>()
  const problems: string[] = []
  for (const { key, value } of contents.items) {
    const word = String(key)
    const where = at((key as Node).range?.[0])
    const name = settingNames.find((known) => keyOf(known) === word)
    if (name === undefined) {
      problems.push(`${where}: there is no setting ${JSON.stringify(word)}${suggestionFor(word)}`)
      continue
    }
    const texts = textsOf(value)
    if (texts === undefined)
      problems.push(`${where}: ${word} must be ${isList(settingOf(name)) ? 'one value, or a list of them' : 'one value'}`)
    else given.set(name, { source: where, texts })
  }
  return { given, problems }
}

/** Undefined for what is not plain. Scalars as they are written: `8080`, `300s`, `off`. */
function textsOf(value: unknown): readonly string[] | undefined {
  if (isAlias(value)) return undefined
  if (isScalar(value))
    return value.value === null ? undefined : [typeof value.value === 'string' ? value.value : (value.source ?? String(value.value))]
  if (!isSeq(value)) return undefined
  const items = value.items.map(textsOf)
  return items.every((item) => item?.length === 1) ? items.flatMap((item) => item ?? []) : undefined
}

function suggestionFor(word: string): string {
  const suggestion = suggestWord(word, settingNames.map(keyOf))
  return suggestion === undefined ? '; `holdfast gateway --help` lists them' : `; did you mean ${suggestion}?`
}
