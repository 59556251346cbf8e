/** Files and standard input as bytes and as lines; nothing of Kafka is loaded for it. */
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { EverseedError } from '../schemas/errors.ts'

/** A line of input; `problem`: why its bytes are no text. */
export type TextLine = { readonly number: number; readonly text: string; readonly problem?: string }

/** A line longer than this many bytes is no line of a JSON file: no topic takes a record of that size. */
const longestLine = 16 * 1024 * 1024

const newline = 10
const utf8 = new TextDecoder('utf-8', { fatal: true })

/** A line as text, or what is wrong with its bytes. */
function decodeLine(number: number, bytes: Buffer): TextLine {
  if (bytes.length > longestLine) {
    const text = bytes.toString('latin1', 0, 200)
    return { number, text, problem: `longer than ${longestLine / 1024 / 1024} MiB: is this JSON lines?` }
  }
  try {
    // The decoder drops a byte order mark, which only the first line of a file may have.
    const text = utf8.decode(bytes)
    return { number, text: text.endsWith('\r') ? text.slice(0, -1) : text }
  } catch {
    return { number, text: bytes.toString(), problem: 'not UTF-8: convert the file first (iconv -t UTF-8)' }
  }
}

/** The file as an error calls it. */
const unreadable = (path: string, cause: unknown): EverseedError =>
  new EverseedError('FILE_UNREADABLE', `${path} cannot be read: ${reasonOf(cause)}`, { cause })

/**
 * The bytes of a file, or with `-` of standard input; of a file whose name ends in .gz what was packed.
 * @param read is told how many bytes of the file have come in
 * @throws EverseedError FILE_UNREADABLE
 */
export async function* bytesOf(path: string, read?: (bytes: number) => void): AsyncGenerator<Buffer> {
  let input: AsyncIterable<Buffer> = process.stdin
  let file: { readonly bytesRead: number } | undefined
  if (path !== '-') {
    try {
      // Opening first: an error of a stream that nobody reads yet would go unheard.
      const stream = (await open(path)).createReadStream({ highWaterMark: 256 * 1024 })
      // What ends the file ends the unpacked stream, which is the one that is read.
      input = path.endsWith('.gz') ? pipeline(stream, createGunzip(), () => {}) : stream
      file = stream
    } catch (cause) {
      throw unreadable(path, cause)
    }
  }
  try {
    for await (const chunk of input) {
      if (file) read?.(file.bytesRead)
      yield chunk
    }
  } catch (cause) {
    if (cause instanceof Error && 'errno' in cause) throw unreadable(path, cause)
    throw cause
  }
}

/**
 * The lines of a file, numbered from 1; `-` is standard input. Only a line feed ends a line, with or without a carriage
 * return before it: JSON may hold every other separator of Unicode as it is.
 * @throws EverseedError FILE_UNREADABLE
 */
export async function* linesOf(path: string, read?: (bytes: number) => void): AsyncGenerator<TextLine> {
  let number = 0
  let parts: Buffer[] = []
  let held = 0
  const hold = (part: Buffer): void => {
    // Of a line that is refused anyway only the beginning is kept.
    if (held <= longestLine) parts.push(part)
    held += part.length
  }
  const line = (): TextLine => {
    const bytes = Buffer.concat(parts)
    parts = []
    held = 0
    return decodeLine(++number, bytes)
  }
  for await (const chunk of bytesOf(path, read)) {
    let from = 0
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, from)) {
      hold(chunk.subarray(from, end))
      yield line()
      from = end + 1
    }
    if (from < chunk.length) hold(chunk.subarray(from))
  }
  if (held > 0) yield line()
}

/**
 * The number given to an option.
 * @throws EverseedError CONFIG_INVALID when it is no positive whole number
 */
export function countOf(option: string, text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text))
    throw new EverseedError('CONFIG_INVALID', `${option} ${text}: give a positive whole number`)
  return Number(text)
}

/** What the system says about a file, in words. */
export function reasonOf(cause: unknown): string {
  const { code, message } = cause as { code?: string; message: string }
  const words: Record<string, string> = {
    ENOENT: 'there is no such file or folder',
    EISDIR: 'it is a folder',
    ENOTDIR: 'part of the path is not a folder',
    EACCES: 'permission denied',
    EROFS: 'the file system is read-only',
    ENOSPC: 'no space is left on the device'
  }
  return (code && words[code]) ?? message
}
