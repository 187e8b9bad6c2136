import { durationHint, parseDuration } from './duration.ts'
import { ScheduleError } from './schedule-error.ts'
import { suggestWord } from './suggestion.ts'

/** The words of one line of a schedule, taken one by one. Whatever does not fit throws a ScheduleError. */
export class WordCursor {
  readonly #fileName: string
  readonly #line: number
  readonly #words: readonly string[]
  #next = 0

  constructor(fileName: string, line: number, words: readonly string[]) {
    this.#fileName = fileName
    this.#line = line
    this.#words = words
  }

  get isAtEnd(): boolean {
    return this.#next === this.#words.length
  }

  /** Takes the next word if it is one of these. */
  takeIf<Word extends string>(accepted: readonly Word[]): Word | undefined {
    const found = accepted.find((word) => word === this.#words[this.#next])
    if (found !== undefined) this.#next += 1
    return found
  }

  /** Takes the next word, which must be one of these. */
  takeOneOf<Word extends string>(what: string, accepted: readonly Word[]): Word {
    return this.takeIf(accepted) ?? this.refuse(what, accepted)
  }

  takeDuration(after: string): number {
    return this.takeParsed(after, 'duration', durationHint, parseDuration)
  }

  /** Takes the next word, which `parse` must understand. */
  takeParsed(after: string, what: string, hint: string, parse: (word: string) => number | undefined): number {
    const word = this.#words[this.#next]
    if (word === undefined) return this.fail(`a ${what} is missing after "${after}"; write ${hint}`)
    this.#next += 1
    return parse(word) ?? this.fail(`"${word}" after "${after}" is no ${what}; write ${hint}`)
  }

  /** Fails at the next word, which is none of those that may stand here. */
  refuse(what: string, accepted: readonly string[]): never {
    const word = this.#words[this.#next]
    const known = accepted.join(', ')
    if (word === undefined) return this.fail(`the ${what} is missing; write one of: ${known}`)
    const suggestion = suggestWord(word, accepted)
    const hint = suggestion === undefined ? '' : `did you mean "${suggestion}"? `
    return this.fail(`unknown ${what} "${word}"; ${hint}Known: ${known === '' ? 'nothing, the line ends here' : known}`)
  }

  fail(problem: string): never {
    throw new ScheduleError(this.#fileName, this.#line, problem)
  }
}
