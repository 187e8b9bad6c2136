// Frames that are written past `ws` are those that it would have written.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as ws from 'ws'
import { frameOf, isShort, textOf } from '../../packages/holdfast/src/server/frame.ts'
import { begin } from './script-client.ts'
import { startServer } from './server.ts'

const { Sender } = ws as unknown as { Sender: { frame(data: Buffer, options: object): Buffer[] } }

describe('a short frame', () => {
  const sizes = [0, 1, 32, 33, 125, 126, 127, 1_024]
  for (const size of sizes) {
    it(`of ${size} bytes is that of ws`, () => {
      const bytes = Buffer.alloc(size, 'holdfast')
      assert.deepEqual(frameOf(bytes, true), framed(bytes, 2))
    })
    it(`of ${size} characters is that of ws`, () => {
      for (const character of ['a', '\u0010', 'é', '€', '\ud800']) {
        const text = character.repeat(size)
        assert.deepEqual(frameOf(text, false), framed(Buffer.from(text), 1))
      }
    })
  }
  it('of the bytes of a text is one of text', () => {
    const bytes = Buffer.from('für')
    assert.deepEqual(frameOf(bytes, false), framed(bytes, 1))
  })
  it('is read as it was written', () => {
    for (const text of ['', '\u0010O1,0', 'für', 'a'.repeat(32), 'ä'.repeat(16), 'a'.repeat(33)])
      assert.equal(textOf(Buffer.from(text)), text)
    assert.equal(textOf(Buffer.from([0x61, 0xff])), 'a\ufffd')
  })
  it('is what is at hand and no longer than a copy is worth', () => {
    assert.deepEqual(['a'.repeat(1_024), Buffer.alloc(1_024), '', Buffer.alloc(0)].map(isShort), [true, true, true, true])
    assert.deepEqual(['a'.repeat(1_025), Buffer.alloc(1_025), new Blob(['a'])].map(isShort), [false, false, false])
  })
})

describe('short messages', { timeout: 30_000 }, () => {
  it('do not overtake a Blob that has to be read first', async () => {
    await using path = await startServer()
    const { link } = await begin(path.url)
    const socket = await path.socket()
    socket.send('first')
    socket.send(new Blob(['']))
    socket.send(new Blob(['blob']))
    socket.send('last')
    assert.equal(await link.nextData(), 'first')
    assert.deepEqual(await link.nextData(), Buffer.alloc(0))
    assert.deepEqual(await link.nextData(), Buffer.from('blob'))
    assert.equal(await link.nextData(), 'last')
  })
})

function framed(data: Buffer, opcode: number): Buffer {
  return Buffer.concat(Sender.frame(data, { fin: true, rsv1: false, opcode, mask: false, readOnly: true }))
}
