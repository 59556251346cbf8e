/** Columns of an export: one description, from which its Parquet schema, its features and its Croissant fields are made. */

/** A value of a row, as JSON has it. */
export type Value = string | number | boolean | null | readonly Value[] | { readonly [name: string]: Value }

/** A row: its keys are those of its columns, in their order. */
export type Row = Readonly<Record<string, Value>>

/** The type of a column. Everything may be null. */
export type Type =
  'string' | 'int64' | 'float64' | 'bool' | { readonly list: Type } | { readonly struct: Columns }

/** Columns by name, in their order. */
export type Columns = Readonly<Record<string, Type>>

type Feature = { name?: string; dtype?: string; list?: unknown; struct?: unknown }

/** One type as Hugging Face `datasets` writes it in the head of a dataset card. */
function feature(type: Type): Feature {
  if (typeof type === 'string') return { dtype: type }
  if ('struct' in type) return { struct: features(type.struct) }
  const { list } = type
  if (typeof list === 'string') return { list }
  return { list: 'struct' in list ? features(list.struct) : feature(list) }
}

/** Columns as the `features` of a dataset card. */
export function features(columns: Columns): Feature[] {
  return Object.entries(columns).map(([name, type]) => ({ name, ...feature(type) }))
}
