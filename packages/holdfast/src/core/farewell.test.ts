import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Farewell } from './farewell.ts'

describe('a farewell', () => {
  it('has nothing to say while nobody leaves', () => {
    const farewell = new Farewell()
    assert.equal(farewell.deadline, Infinity)
    assert.equal(farewell.next(1e9), undefined)
  })

  it('names each link a second after it was told goodbye, in order', () => {
    const farewell = new Farewell()
    farewell.add(0, 7)
    farewell.add(400, 8)
    assert.equal(farewell.deadline, 1_000)
    assert.equal(farewell.next(999), undefined)
    assert.equal(farewell.next(1_000), 7)
    assert.equal(farewell.deadline, 1_400)
    assert.equal(farewell.next(5_000), 8)
    assert.equal(farewell.next(5_000), undefined)
  })

  it('forgets a link that closed in time', () => {
    const farewell = new Farewell()
    farewell.add(0, 7)
    farewell.add(0, 8)
    farewell.remove(7)
    assert.equal(farewell.next(1_000), 8)
    assert.equal(farewell.deadline, Infinity)
  })
})
