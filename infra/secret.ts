/** Values that must not be printed: keys, passwords. */
import { inspect } from 'node:util'

/** A value that shows as [secret] wherever it is printed, logged or serialized; only `reveal` gives it away. */
export class Secret {
  readonly #value: string

  /** @param value the value to hide */
  constructor(value: string) {
    this.#value = value
  }

  /** The value itself: call it where it is used and keep nothing. */
  reveal(): string {
    return this.#value
  }

  /**
   * A text with every occurrence of the value replaced.
   * @param text for example an error message of a server that repeats what it was sent
   */
  scrub(text: string): string {
    return this.#value === '' ? text : text.replaceAll(this.#value, '[secret]')
  }

  toString(): string {
    return '[secret]'
  }

  toJSON(): string {
    return '[secret]'
  }

  [inspect.custom](): string {
    return '[secret]'
  }
}
