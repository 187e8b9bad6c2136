// Numbered messages of many sizes, and whether they arrive as they were sent: each once, in order, whole, of the same type.

const smallBytes = 200
const largeBytes = 16 * 1024
/** One in so many is large. */
const largeEvery = 100
const binaryEvery = 3
const encoder = new TextEncoder()

/** The message with a number; both ends make the same of it. */
function messageOf(number: number): string | Uint8Array<ArrayBuffer> {
  const bytes = number % largeEvery === largeEvery - 1 ? largeBytes : (number * 37) % smallBytes
  const text = `${number}:${'·'.repeat(bytes / 2)}`
  return number % binaryEvery === 0 ? encoder.encode(text) : text
}

export class Sequence {
  sent = 0
  received = 0
  /** What is not as it was sent; the first few are enough to see what goes wrong. */
  readonly faults: string[] = []

  next(): string | Uint8Array<ArrayBuffer> {
    return messageOf(this.sent++)
  }

  take(data: string | Uint8Array): void {
    const wanted = messageOf(this.received)
    if (typeof data !== typeof wanted || textOf(data) !== textOf(wanted)) {
      this.faults.push(`message ${this.received} came as ${typeof data} ${JSON.stringify(textOf(data).slice(0, 20))}`)
    }
    this.received++
  }
}

function textOf(data: string | Uint8Array): string {
  return typeof data === 'string' ? data : new TextDecoder().decode(data)
}
