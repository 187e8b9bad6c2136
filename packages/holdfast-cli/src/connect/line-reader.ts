/** The lines of a stream, without their line feeds, no faster than they are taken. The last one may have none. */
export async function* readLines(stream: AsyncIterable<string>): AsyncGenerator<string, void> {
  let rest = ''
  for await (const chunk of stream) {
    const lines = chunk.split('\n')
    lines[0] = rest + lines[0]
    rest = lines.pop() ?? ''
    for (const line of lines) yield withoutReturn(line)
  }
  if (rest !== '') yield withoutReturn(rest)
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line
}
