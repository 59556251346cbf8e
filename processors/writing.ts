/** Languages and scripts a recipe may ask for: what the checks can tell. */

/** ISO 639-1 codes of the languages the detector knows, and tlh; a test holds the two together. */
export const languages = [
  'af am ar be ber bg bn cs da de el en eo es et fa fi fr ga gu he hi hu hy id is it ja kk km kn',
  'ko la lt lv mk mn my nl no pl pt rn ro ru sk sr sv ta te th tk tl tlh tr tt uk ur vi vo yi zh'
].flatMap(codes => codes.split(' '))

/** Whether Unicode has a script of this name, a value of its Script property: Latin, Cyrillic, Han. */
export function isScript(name: string): boolean {
  if (!/^[A-Za-z_]+$/.test(name)) return false
  try {
    return new RegExp(`\\p{Script_Extensions=${name}}`, 'u') instanceof RegExp
  } catch {
    return false
  }
}
