/**
 * verify: shape checks in the order of what they cost. What passes is a sample; what fails is a rejection, and, where
 * the model can mend it and attempts are left, a prompt with the error as feedback.
 */
import { promptKey, slotOf } from '../schemas/identity.ts'
import { candidates, prompts, samplesRejected, samplesVerified } from '../schemas/topics.ts'
import type { Sample, Verdict as CheckVerdict } from '../schemas/types.ts'
import { type Output, type Verdict, defineProcessor } from './contract.ts'
import type { Recipe } from './recipe.ts'
import { type Check, type Finding, reasons } from './verify/check.ts'
import { language, languageReady, loadLanguage } from './verify/language.ts'
import { empty, length } from './verify/length.ts'
import { refusal } from './verify/refusal.ts'
import { repetition } from './verify/repetition.ts'
import { retryPrompt } from './verify/retry.ts'
import { script } from './verify/script.ts'
import { truncation } from './verify/truncation.ts'

/** Cheapest first; the first failure ends the checking. */
const checks: readonly Check[] = [empty, length, truncation, refusal, repetition, script, language]

export const verify = defineProcessor({
  name: 'verify',
  doc: 'shape checks: empty, length, truncation, refusal, repetition, script, language',
  inputs: { candidates },
  outputs: { verified: samplesVerified, rejected: samplesRejected, retry: prompts },
  drops: reasons,
  state: {},
  settles: () => 1,
  create: ({ tables, partitions, now, out, emit, drop, reject }) => {
    const judge = (sample: Sample, recipe: Recipe): Verdict => {
      const verdicts = [...sample.verdicts]
      const answer = {
        text: sample.messages.findLast(({ role }) => role === 'assistant')?.content ?? '',
        cell: sample.cell,
        finishReason: sample.metadata['finish_reason'] ?? '',
        checks: recipe.checks
      }
      for (const check of checks) {
        const finding = check.find(answer)
        if (finding === undefined) continue
        verdicts.push(verdictOf(check, finding))
        if (finding.failure !== undefined) return turnDown({ ...sample, verdicts }, check, finding, recipe)
      }
      return emit(out('verified', sample.id, { ...sample, verdicts }))
    }

    const turnDown = (sample: Sample, check: Check, finding: Finding, recipe: Recipe): Verdict => {
      const { reason, feedback } = finding.failure!
      const { prompt_id, attempt } = sample.provenance
      const outputs: Output[] = []
      if (feedback !== null && prompt_id !== null && attempt < recipe.attempts) {
        const prompt = retryPrompt(sample, prompt_id, feedback, now())
        const shards = tables.dataset(sample.dataset)?.shards ?? 1
        outputs.push(
          out('retry', promptKey(prompt), prompt, slotOf(sample.dataset, prompt_id, shards, partitions))
        )
      }
      const rejection = {
        id: sample.id,
        sample,
        processor: 'verify',
        check: check.name,
        version: check.version,
        reason,
        detail: finding.reasoning,
        hit: null,
        retried: outputs.length > 0,
        rejected_at: now()
      }
      return drop(reason, out('rejected', sample.id, rejection), ...outputs)
    }

    return {
      process({ value }) {
        const recipe = tables.recipe(value.run)
        if (recipe === undefined) return reject('unknown_run', `run ${value.run} has no recipe`, 1)
        if (recipe.checks.language === undefined || languageReady()) return judge(value, recipe)
        return loadLanguage().then(() => judge(value, recipe))
      }
    }
  }
})

function verdictOf({ name, version }: Check, { score, reasoning, failure }: Finding): CheckVerdict {
  return { check: name, version, is_valid: failure === undefined, score, reasoning }
}
