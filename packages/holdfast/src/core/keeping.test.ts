import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Keeping } from './keeping.ts'

describe('where a server sends its clients', () => {
  it('is followed, and stays the address of the next dials', () => {
    const keeping = new Keeping()
    assert.equal(keeping.url, undefined)
    assert.ok(keeping.follow('ws://b/'))
    assert.equal(keeping.url, 'ws://b/')
    keeping.arrived()
    assert.equal(keeping.url, 'ws://b/')
  })

  it('is followed three times in a row, not four', () => {
    const keeping = new Keeping()
    assert.deepEqual(
      ['ws://b/', 'ws://c/', 'ws://d/', 'ws://e/'].map((url) => keeping.follow(url)),
      [true, true, true, false],
    )
    keeping.arrived()
    assert.ok(keeping.follow('ws://e/'))
  })

  it('is forgotten when nobody useful was there', () => {
    const keeping = new Keeping()
    keeping.follow('ws://b/')
    keeping.strayed()
    assert.equal(keeping.url, undefined)
  })

  it('is followed three times in a row again when nobody useful was there', () => {
    const keeping = new Keeping()
    for (const url of ['ws://b/', 'ws://c/', 'ws://d/']) keeping.follow(url)
    keeping.strayed()
    assert.deepEqual(
      ['ws://b/', 'ws://c/', 'ws://d/', 'ws://e/'].map((url) => keeping.follow(url)),
      [true, true, true, false],
    )
  })

  it('is where a session moved to', () => {
    const keeping = new Keeping()
    keeping.arrived('ws://b/')
    assert.equal(keeping.url, 'ws://b/')
  })
})
