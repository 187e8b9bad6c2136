import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readLines } from './line-reader.ts'

async function linesOf(...chunks: string[]): Promise<string[]> {
  const lines: string[] = []
  for await (const line of readLines(
    (async function* () {
      yield* chunks
    })(),
  ))
    lines.push(line)
  return lines
}

test('lines are put together from chunks, however they were cut', async () => {
  assert.deepEqual(await linesOf('a', 'b\nc\n', '\n', 'd', ''), ['ab', 'c', '', 'd'])
  assert.deepEqual(await linesOf('a\r', '\nb\r\n'), ['a', 'b'])
  assert.deepEqual(await linesOf('a\n'), ['a'])
  assert.deepEqual(await linesOf(), [])
})

test('separators of JSON texts and carriage returns inside of a line stay', async () => {
  assert.deepEqual(await linesOf('a\u2028b\rc\n'), ['a\u2028b\rc'])
})
