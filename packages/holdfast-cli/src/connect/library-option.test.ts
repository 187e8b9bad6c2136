import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidArgumentError } from 'commander'
import { addLibraryOption, type LibraryOptions } from './library-option.ts'

const parse = (...texts: string[]): LibraryOptions | undefined =>
  texts.reduce<LibraryOptions | undefined>((before, text) => addLibraryOption(text, before), undefined)

test('options of a group come together', () => {
  assert.deepEqual(parse('retry.minDelay=500ms', 'connectTimeout=2m', 'retry.maxRetries=3'), {
    retry: { minDelay: 500, maxRetries: 3 },
    connectTimeout: 120_000,
  })
})

test('a value is a number, a duration, a size, a truth value or itself', () => {
  const values = { '1.5': 1.5, '-1': -1, Infinity, '1.5s': 1_500, '64KiB': 65_536, false: false, equal: 'equal', '': '' }
  for (const [text, value] of Object.entries(values)) assert.deepEqual(parse(`key=${text}`), { key: value }, text)
})

test('a text stays a text, whatever it looks like and holds', () => {
  assert.deepEqual(parse('heartbeat.message=5s', 'name=a=b'), { heartbeat: { message: '5s' }, name: 'a=b' })
})

test('what is no option, or contradicts another, is refused', () => {
  for (const texts of [['retry'], ['=1'], [''], ['retry=false', 'retry.factor=2']])
    assert.throws(() => parse(...texts), InvalidArgumentError, texts.join())
})
