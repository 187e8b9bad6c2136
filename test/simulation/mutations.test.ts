// Whether the simulation would notice: each mistake that this core could make is made in a copy of it, and has to be found.
import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { describe, it } from 'node:test'
import { hunt, mutate } from './mutation.ts'
import { mutations } from './mutations.ts'
import { simulate } from './simulate.ts'

/** No mistake takes more seeds to be found. */
const maxSeeds = 4_000

describe('the simulation', { concurrency: availableParallelism() }, () => {
  for (const mutation of mutations) {
    it(`notices when ${mutation.name}`, async (test) => {
      const failure = await hunt(mutation, maxSeeds)
      assert.ok(failure, `no seed up to ${maxSeeds} breaks an invariant`)
      assert.equal(simulate(failure.seed).broken, undefined, `seed ${failure.seed} breaks an invariant of the core as it is`)
      test.diagnostic(`caught by seed ${failure.seed}: ${failure.text.split('\n')[0]}`)
    })
  }
})

describe('a mutation', () => {
  it('has a name of its own', () => {
    assert.equal(new Set(mutations.map(({ name }) => name)).size, mutations.length)
  })
  it('is refused when the core does not contain what it changes', async () => {
    const stale = { name: 'stale', edits: [{ find: 'nobody ever wrote this', replace: '' }] }
    await assert.rejects(mutate(stale), ({ cause }: Error) => /contains 0 times, not once/.test((cause as Error).message))
  })
  it('is refused when the core contains it twice', async () => {
    const vague = { name: 'vague', edits: [{ find: 'import ', replace: '' }] }
    await assert.rejects(mutate(vague), ({ cause }: Error) => /contains \d+ times, not once/.test((cause as Error).message))
  })
})
