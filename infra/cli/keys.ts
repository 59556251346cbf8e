/** `everseed keys`: whose signature makes a text human where a dataset asks for one. */
import { EverseedError } from '../../schemas/errors.ts'
import { keys as keysTopic } from '../../schemas/topics.ts'
import { addKey, listKeys, revokeKey, vouchable } from '../keys.ts'
import { generateKey, publicKeyOf } from '../signer.ts'
import { withDeployment, withReader } from './context.ts'
import { note, print, printJson, table } from './output.ts'

/** The origins of an option. */
function originsOf(text: string): (typeof vouchable)[number][] {
  return text.split(',').map(word => {
    const origin = vouchable.find(one => one === word.trim())
    if (origin) return origin
    throw new EverseedError(
      'CONFIG_INVALID',
      `--origins ${text}: a key may vouch for ${vouchable.join(' and ')}, separated by commas`
    )
  })
}

export async function add(
  id: string,
  options: { public: string; origins: string; by: string; json?: boolean }
): Promise<void> {
  if (!/^[\w.@-]{1,100}$/.test(id)) {
    throw new EverseedError(
      'CONFIG_INVALID',
      `key ${id}: a name is letters, digits, dot, dash, underscore and @, at most 100`
    )
  }
  const origins = originsOf(options.origins)
  const public_key = publicKeyOf(options.public)
  const { key, changed } = await withDeployment(async deployment => {
    await deployment.prepare([keysTopic])
    return await addKey(deployment, { id, public_key, author: options.by, origins })
  })
  if (options.json) return printJson({ changed, ...key })
  print(
    `${id} ${changed ? 'is listed' : 'is listed like this already'}: it may vouch for ${key.origins.join(' and ')}`
  )
}

export async function list({ json }: { json?: boolean }): Promise<void> {
  const found = await withReader(async deployment => {
    await deployment.admin.requireTopics([keysTopic])
    return await listKeys(deployment)
  })
  if (json) return printJson(found)
  if (found.length === 0) return note('no keys are listed; everseed keys add --help says how')
  print(
    table(
      ['key', 'origins', 'revoked', 'public_key', 'author'],
      found.map(key => [key.id, key.origins.join(','), key.revoked, key.public_key, key.author])
    )
  )
}

export async function revoke(id: string, { json }: { json?: boolean }): Promise<void> {
  const key = await withDeployment(async deployment => {
    await deployment.prepare([keysTopic])
    return await revokeKey(deployment, id)
  })
  if (json) return printJson(key)
  print(`${id} is revoked: what is signed with it is as good as unsigned; what was taken in stays`)
}

export function generate(file: string, { json }: { json?: boolean }): void {
  const public_key = generateKey(file)
  if (json) return printJson({ file, public_key })
  note(
    `the private key is in ${file}; whoever operates the cluster lists the public one: everseed keys add ID --public …`
  )
  print(public_key)
}
