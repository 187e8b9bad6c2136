import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSlashCommand, slashHelp, slashWords } from './slash-command.ts'

test('each word is understood, and listed', () => {
  for (const word of slashWords) {
    assert.equal(parseSlashCommand(word).name, word.slice(1))
    assert.ok(
      slashHelp.some((line) => line.includes(word)),
      word,
    )
  }
})

test('a close may have a code, and a reason of many words', () => {
  assert.deepEqual(parseSlashCommand('/close'), { name: 'close', code: undefined, reason: undefined })
  assert.deepEqual(parseSlashCommand('/close 4000  see you '), { name: 'close', code: 4000, reason: 'see you' })
})

test('what is not understood is answered with what could be', () => {
  const problemOf = (line: string): string => {
    const command = parseSlashCommand(line)
    return command.name === 'unknown' ? command.problem : command.name
  }
  assert.equal(problemOf('/stauts now'), 'there is no /stauts; did you mean /status? To send it as a message: //stauts now')
  assert.equal(problemOf('/etc/passwd'), 'there is no /etc/passwd; see /help. To send it as a message: //etc/passwd')
  assert.equal(problemOf('/ping 3'), '/ping takes nothing behind it')
  assert.equal(problemOf('/close now'), 'now is no close code: /close 4000 see you')
})
