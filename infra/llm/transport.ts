/**
 * The fetch the SDKs are given: follows no redirect, reads bodies whole under a ceiling, and knows no address but the
 * one it was made for.
 */
import { CallFailure } from './call.ts'

/** Largest body of an answer, bytes: above the largest reply a topic takes, so that one too large can still be named. */
export const maxBodyBytes = 16 * 1024 * 1024
/** Largest body of an error, bytes; more of it is not read. */
const maxErrorBytes = 64 * 1024

async function read(response: Response, ceiling: number): Promise<{ text: string; whole: boolean }> {
  if (response.body === null) return { text: '', whole: true }
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body) {
    size += chunk.byteLength
    // Leaving the loop cancels the body.
    if (size > ceiling) return { text: Buffer.concat(chunks).toString('utf8'), whole: false }
    chunks.push(chunk)
  }
  return { text: Buffer.concat(chunks).toString('utf8'), whole: true }
}

/**
 * A fetch for one server.
 * @param origin scheme, host and port calls may go to
 */
export function createTransport(origin: string): typeof fetch {
  return async (input, init) => {
    const url = new URL(typeof input === 'string' || input instanceof URL ? input : input.url)
    if (url.origin !== origin) {
      throw new CallFailure('rejected', `a call to ${url.origin} was stopped: the source is at ${origin}`, {
        reached: false
      })
    }
    const response = await fetch(url, { ...init, redirect: 'manual' })
    const { text, whole } = await read(response, response.ok ? maxBodyBytes : maxErrorBytes)
    if (response.ok && !whole) {
      throw new CallFailure('malformed', `the answer is larger than ${maxBodyBytes} bytes`, {
        status: response.status,
        paid: true,
        retry: false
      })
    }
    // Statuses that forbid a body refuse even an empty one.
    const body = response.status === 204 || response.status === 205 || response.status === 304 ? null : text
    return new Response(body, { status: response.status, headers: response.headers })
  }
}
