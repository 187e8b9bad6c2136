// What a registry shows, read as strictly as the format is written: https://prometheus.io/docs/instrumenting/exposition_formats/
// and the rules for names: https://prometheus.io/docs/practices/naming/

import assert from 'node:assert/strict'

export interface Series {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Family {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly series: readonly Series[]
}

const nameText = '[a-z_:][a-z0-9_:]*'
const pair = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"/
const sampleLine = new RegExp(`^(${nameText})(?:\\{(${pair.source}(?:,${pair.source})*)\\})? (\\d+(?:\\.\\d+)?(?:e[-+]\\d+)?)$`)
/** Units that are no base units, and words that say nothing. */
const badName = /_(ms|milliseconds|minutes|kb|mb|kilobytes|megabytes|count|sum|bucket)(_|$)|total_/

/** @throws AssertionError for a text that a strict reader would not take, or names that break the rules */
export function parseExposition(text: string): ReadonlyMap<string, Family> {
  assert.ok(text.endsWith('\n'), 'the last line ends')
  const families = text
    .trimEnd()
    .split('\n\n')
    .map((block) => parseFamily(block.split('\n')))
  const found = new Map(families.map((family) => [family.name, family]))
  assert.equal(found.size, families.length, 'each metric is there once')
  return found
}

function parseFamily([helpLine = '', typeLine = '', ...lines]: readonly string[]): Family {
  const [, name = '', help = ''] = helpLine.match(new RegExp(`^# HELP (${nameText}) (\\S.*\\.)$`)) ?? assert.fail(`no HELP: ${helpLine}`)
  const [, typed, type] = typeLine.match(/^# TYPE (\S+) (counter|gauge|histogram)$/) ?? assert.fail(`no TYPE: ${typeLine}`)
  assert.equal(typed, name)
  assert.doesNotMatch(name, badName)
  assert.equal(name.endsWith('_total'), type === 'counter', `${name} is a ${type}`)
  const series = lines.map(parseSeries)
  const keys = new Set(series.map(({ name: own, labels }) => own + JSON.stringify(Object.entries(labels).sort())))
  assert.equal(keys.size, series.length, `${name} has each series once`)
  const family = { name, type: type as Family['type'], help, series }
  if (type === 'histogram') checkHistogram(family)
  else assert.ok(series.every((each) => each.name === name))
  return family
}

function parseSeries(line: string): Series {
  const [, name = '', labelText = ''] = line.match(sampleLine) ?? assert.fail(`no sample: ${line}`)
  const pairs = [...labelText.matchAll(new RegExp(pair, 'g'))].map(([, label = '', value = '']) => [label, unescaped(value)] as const)
  const labels = Object.fromEntries(pairs)
  assert.equal(Object.keys(labels).length, pairs.length, `each label once: ${line}`)
  return { name, labels, value: Number(line.slice(line.lastIndexOf(' ') + 1)) }
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, (_, character) => (character === 'n' ? '\n' : character))
}

/** Each set of labels has buckets that only grow, the last of them without bound, and its sum and count behind them. */
function checkHistogram({ name, series }: Family): void {
  const groups: { [labels: string]: Series[] } = {}
  for (const each of series) {
    const { le: _, ...rest } = each.labels
    ;(groups[JSON.stringify(rest)] ??= []).push(each)
  }
  for (const group of Object.values(groups)) {
    const buckets = group.slice(0, -2)
    const [sum, count] = group.slice(-2)
    assert.deepEqual([sum!.name, count!.name], [`${name}_sum`, `${name}_count`])
    assert.deepEqual([sum!.labels.le, count!.labels.le], [undefined, undefined])
    assert.ok(buckets.every((bucket) => bucket.name === `${name}_bucket`))
    const bounds = buckets.map(({ labels }) => (labels.le === '+Inf' ? Infinity : Number(labels.le)))
    assert.ok(buckets.length > 1 && bounds.every((bound, index) => index === 0 || bound > bounds[index - 1]!))
    assert.ok(buckets.every(({ value }, index) => index === 0 || value >= buckets[index - 1]!.value))
    assert.deepEqual([bounds.at(-1), buckets.at(-1)!.value], [Infinity, count!.value])
  }
}
