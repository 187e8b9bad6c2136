import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, test } from 'node:test'
import { type Conversation, concerns, run, type Side, type Step } from './conversation.ts'
import type { Given } from './given.ts'

const file = await readFile(new URL('conversations.json', import.meta.url), 'utf8')
const { given, conversations }: { readonly given: Given; readonly conversations: readonly Conversation[] } = JSON.parse(file)
const protocol = await readFile(new URL('../../PROTOCOL.md', import.meta.url), 'utf8')
const sides: readonly (readonly Side[])[] = [['client'], ['server'], ['client', 'server']]

for (const under of sides) {
  describe(`our ${under.join(' and our ')} as the vectors say`, () => {
    for (const conversation of conversations) {
      if (!under.every((side) => concerns(conversation, side))) continue
      test(`${conversation.section}: ${conversation.name}`, () => run(conversation, given, under))
    }
  })
}

describe('the conversations', () => {
  test('have names of their own', () => {
    const names = conversations.map(({ name }) => name)
    assert.deepEqual(
      names.filter((name, index) => names.indexOf(name) !== index),
      [],
    )
  })

  test('name sections that PROTOCOL.md has', () => {
    for (const { section } of conversations) assert.match(protocol, new RegExp(`^## ${section} `, 'm'))
  })

  test('are told apart from what is not quite the same', () => {
    for (const conversation of conversations) {
      conversation.steps.forEach((step, index) => {
        for (const side of ['client', 'server'] as const) {
          const other = spoiled(step, side, conversation)
          if (!other) continue
          const steps = conversation.steps.map((each) => (each === step ? other : each))
          assert.throws(
            () => run({ ...conversation, steps }, given, [side]),
            { name: 'AssertionError' },
            `${conversation.name}, step ${index + 1}`,
          )
        }
      })
    }
  })
})

/** The same step with something else expected of the end; undefined where the step expects nothing of it. */
function spoiled(step: Step, side: Side, { steps }: Conversation): Step | undefined {
  if ('from' in step) {
    const opening = steps.find((each) => 'opens' in each && each.link === step.link) as Extract<Step, { opens: string }>
    const isUnderTest = step.from === side && (opening.only ?? side) === side
    if (!isUnderTest || ('way' in step && (step.way === 'late' || step.way === 'forged'))) return undefined
    if ('frame' in step) return { ...step, frame: typeof step.frame === 'string' ? `${step.frame}0` : { binary: `${step.frame.binary}00` } }
    return 'close' in step ? { ...step, close: step.close + 1 } : undefined
  }
  const key = `delivered to ${side}`
  return key in step ? ({ [key]: ['something else'] } as unknown as Step) : undefined
}
