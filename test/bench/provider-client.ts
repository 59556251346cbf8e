/** Makes the ports of `generate`, and calls the providers named on the command line once, at an address that refuses. */
import { createProviders } from '../../infra/llm/providers.ts'
import { retryPolicy } from '../../infra/llm/retry.ts'
import { silentLog } from '../../infra/log.ts'
import { recipeSchema } from '../../processors/recipe.ts'

const policy = { ...retryPolicy, attempts: 1 }
const providers = createProviders({
  env: { OPENAI_API_KEY: 'k', ANTHROPIC_API_KEY: 'k' },
  log: silentLog,
  policy
})
for (const provider of process.argv.slice(2)) {
  const { sources } = recipeSchema.parse({
    dataset: 'bench',
    run: 'bench',
    sources: [{ name: provider, provider, model: 'm', family: 'f', base_url: 'http://127.0.0.1:9' }]
  })
  const request = {
    requestId: 'r',
    messages: [
      { role: 'user', content: 'hello', tool_calls: null, tool_call_id: null, reasoning_content: null }
    ],
    topic: '',
    temperature: 1,
    seed: 1,
    signal: AbortSignal.timeout(5000)
  }
  // Refused: what matters is that the client was loaded to find out.
  await providers.complete(sources[0]!, request).catch(() => {})
}
globalThis.gc?.()
process.send?.('ready')
setInterval(() => {}, 60_000)
process.on('SIGTERM', () => process.exit(0))
