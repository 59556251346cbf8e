/** The one check every address of an outside service passes. */
import { EverseedError, type ErrorCode } from '../schemas/errors.ts'

/**
 * Whether a host name means this machine: 127.0.0.0/8, ::1, localhost and names below it.
 * @param hostname as `URL.hostname` gives it
 */
export function isLoopback(hostname: string): boolean {
  const host = hostname.toLowerCase()
  return (
    host === 'localhost' ||
    host.endsWith('.localhost') ||
    host === '[::1]' ||
    /^127(\.\d{1,3}){3}$/.test(host) ||
    /^\[::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}\]$/.test(host)
  )
}

const providerAdvice = {
  credentials: 'put the key into its environment variable',
  plainHttp: 'use https, or name the address as base_url in the recipe'
}

/**
 * Parses the address of a service and refuses what must not be called: other protocols than http and https,
 * credentials in the address, and unencrypted http to another machine unless somebody wrote down that they want it.
 * @param text the address
 * @param options `name` is how the setting is called in errors; `plainHttp` allows http to other machines; `advice` says
 * what to do instead, for settings that are not a provider's
 * @throws EverseedError of the given code
 */
export function checkUrl(
  text: string,
  options: {
    readonly name: string
    readonly plainHttp: boolean
    readonly code: ErrorCode
    readonly advice?: { readonly credentials: string; readonly plainHttp: string }
  }
): URL {
  const { name, plainHttp, code, advice = providerAdvice } = options
  if (!URL.canParse(text))
    throw new EverseedError(code, `${name} is not an address: write http(s)://host/path`)
  const url = new URL(text)
  // The address itself is not repeated where it may hold a password.
  if (url.username !== '' || url.password !== '') {
    throw new EverseedError(code, `${name} holds credentials: ${advice.credentials}`)
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new EverseedError(code, `${name} speaks ${url.protocol} but only http and https are allowed`)
  }
  if (url.protocol === 'http:' && !plainHttp && !isLoopback(url.hostname)) {
    throw new EverseedError(code, `${name} is plain http to ${url.host}: ${advice.plainHttp}`)
  }
  return url
}
