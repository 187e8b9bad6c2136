const maxEdits = 2

/** The known word that was probably meant, if one is near enough. */
export const suggestWord = (word: string, known: readonly string[]): string | undefined => {
  const ranked = known.map((candidate) => ({
    candidate,
    edits: editDistance(word.toLowerCase(), candidate),
    lengthGap: Math.abs(word.length - candidate.length),
  }))
  ranked.sort((one, other) => one.edits - other.edits || one.lengthGap - other.lengthGap)
  const [best] = ranked
  return best && best.edits <= maxEdits && best.edits < best.candidate.length ? best.candidate : undefined
}

/** Levenshtein's distance, one row at a time. */
const editDistance = (from: string, to: string): number => {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (const [line, letter] of [...from].entries()) {
    const next = [line + 1]
    for (let column = 1; column <= to.length; column += 1) {
      const replaced = row[column - 1]! + (letter === to[column - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[column]! + 1, next[column - 1]! + 1))
    }
    row = next
  }
  return row[to.length]!
}
