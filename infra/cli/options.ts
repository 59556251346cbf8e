/** Options that many commands have. */
import { Option } from 'commander'

export const json = (): Option => new Option('--json', 'print JSON')
