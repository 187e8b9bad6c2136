/** The part of a text between `<!-- name -->` and `<!-- /name -->`, which is generated. */

/** @returns what stands between the markers; undefined when they are not there */
export function readBlock(text: string, name: string): string | undefined {
  const [begin, end] = bounds(text, name)
  return end < 0 ? undefined : text.slice(begin, end).trim()
}

export function replaceBlock(text: string, name: string, content: string): string {
  const [begin, end] = bounds(text, name)
  if (end < 0) throw new RangeError(`there is no ${open(name)} … ${close(name)}`)
  return `${text.slice(0, begin)}\n${content}\n${text.slice(end)}`
}

function bounds(text: string, name: string): [begin: number, end: number] {
  const at = text.indexOf(open(name))
  const begin = at + open(name).length
  return [begin, at < 0 ? -1 : text.indexOf(close(name), begin)]
}

const open = (name: string) => `<!-- ${name} -->`
const close = (name: string) => `<!-- /${name} -->`
