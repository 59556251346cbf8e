import type { Check } from './check.ts'

const whole = { score: null, reasoning: '' }

/** Turns down what the provider cut: at the token limit, or by its filter. */
export const truncation: Check = {
  name: 'truncation',
  version: '1',
  find({ finishReason }) {
    if (finishReason === 'length') {
      const reasoning = 'cut at the token limit'
      const feedback = 'The answer was cut off at the token limit. Give a complete answer that is shorter.'
      return { score: null, reasoning, failure: { reason: 'truncated', feedback } }
    }
    if (finishReason === 'content_filter') {
      const reasoning = "cut by the provider's content filter"
      return { score: null, reasoning, failure: { reason: 'content_filter', feedback: null } }
    }
    return whole
  }
}
