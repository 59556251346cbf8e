/** The formats of an export: their fields, named as the field names them, and how a sample is written in each. */
import { answerOf } from '../../processors/text.ts'
import type { Message, Sample } from '../../schemas/types.ts'
import type { Columns, Row, Type, Value } from './columns.ts'
import { plainMessage, type Reason, turnsOf } from './conversation.ts'
import { metadataColumns, metadataOf } from './metadata.ts'

/** An answer that was turned down, to stand beside one that was not. */
export type Rejected = {
  readonly id: string
  readonly message: Message
  readonly check: string
  readonly reason: string
  readonly model_id: string | null
}

/** A format: what it is, its columns, and a sample written in it, or why it cannot be. */
export type Format = {
  readonly doc: string
  readonly columns: Columns
  /** @param rejected gives the next answer to the same prompt that was turned down */
  write(sample: Sample, rejected: (sample: Sample) => Rejected | undefined): Row | Reason
}

const call: Type = {
  struct: { id: 'string', type: 'string', function: { struct: { name: 'string', arguments: 'string' } } }
}
const message: Type = {
  struct: {
    role: 'string',
    content: 'string',
    tool_calls: { list: call },
    tool_call_id: 'string',
    reasoning_content: 'string'
  }
}
const messages: Type = { list: message }
const turn: Type = { struct: { from: 'string', value: 'string' } }
const described: Type = { struct: metadataColumns }
const rejectedColumns = {
  rejected_id: 'string',
  rejected_check: 'string',
  rejected_reason: 'string',
  rejected_model_id: 'string'
} as const satisfies Columns

/** Messages as trainers read them; undefined when the calls in one cannot be read. */
function plain(list: readonly Message[]): Value[] | undefined {
  const all = list.map(plainMessage)
  return all.every(one => one !== undefined) ? all : undefined
}

export const formats = {
  messages: {
    doc: 'Conversations as lists of messages. A document is one message of the role `document`.',
    columns: { messages, metadata: described },
    write(sample) {
      if (!/\S/.test(answerOf(sample.messages))) return 'no_text'
      const list = plain(sample.messages)
      return list ? { messages: list, metadata: metadataOf(sample) } : 'unreadable_tool_calls'
    }
  },
  sharegpt: {
    doc: 'ShareGPT: turns `from` human and gpt; the system message beside them. Thoughts of a model are left out.',
    columns: { conversations: { list: turn }, system: 'string', tools: 'string', metadata: described },
    write(sample) {
      const found = turnsOf(sample.messages)
      if (typeof found === 'string') return found
      const conversations = found.turns.flatMap(([question, answer]) => [
        { from: 'human', value: question },
        { from: 'gpt', value: answer }
      ])
      return { conversations, system: found.system, tools: null, metadata: metadataOf(sample) }
    }
  },
  alpaca: {
    doc: 'Alpaca: the last question as `instruction`, its answer as `output`; turns before it in `history`. `input` is always empty: a prompt is one text here.',
    columns: {
      instruction: 'string',
      input: 'string',
      output: 'string',
      system: 'string',
      history: { list: { list: 'string' } },
      metadata: described
    },
    write(sample) {
      const found = turnsOf(sample.messages)
      if (typeof found === 'string') return found
      const [instruction, output] = found.turns.at(-1)!
      const history = found.turns.slice(0, -1)
      return { instruction, input: '', output, system: found.system, history, metadata: metadataOf(sample) }
    }
  },
  text: {
    doc: 'Plain text for pretraining: the document, or the last answer of a conversation without its prompt.',
    columns: { text: 'string', id: 'string', metadata: described },
    write(sample) {
      const { role, content } = sample.messages.at(-1) ?? { role: '', content: '' }
      if (!/\S/.test(content) || (role !== 'document' && role !== 'assistant')) return 'no_text'
      return { text: content, id: sample.id, metadata: metadataOf(sample) }
    }
  },
  preference: {
    doc: 'Pairs for preference training, as lists of messages: `chosen` is an answer of the version, `rejected` one to the same prompt that a check of `verify` turned down (no duplicate, no empty answer, none whose terms forbid training). Every rejected answer stands in one pair at most.',
    columns: {
      prompt: messages,
      chosen: messages,
      rejected: messages,
      metadata: { struct: { ...metadataColumns, ...rejectedColumns } }
    },
    write(sample, rejected) {
      const last = sample.messages.at(-1)
      if (last?.role === 'document') return 'document'
      if (last?.role !== 'assistant' || sample.messages.length < 2) return 'not_alternating'
      if (!/\S/.test(answerOf(sample.messages))) return 'no_text'
      const prompt = plain(sample.messages.slice(0, -1))
      const chosen = plain([last])
      if (!prompt || !chosen) return 'unreadable_tool_calls'
      const other = rejected(sample)
      if (!other) return 'no_rejected_answer'
      const metadata = {
        ...metadataOf(sample),
        rejected_id: other.id,
        rejected_check: other.check,
        rejected_reason: other.reason,
        rejected_model_id: other.model_id
      }
      return { prompt, chosen, rejected: [plainMessage(other.message)!], metadata }
    }
  }
} as const satisfies Record<string, Format>

export type FormatName = keyof typeof formats

export const formatNames = Object.keys(formats) as FormatName[]
