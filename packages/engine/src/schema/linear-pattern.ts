import { RE2JS } from 're2js';

/** A pattern that takes time in proportion to the text, whatever both are. */
export interface LinearPattern {
  /** Whether the pattern matches anywhere in the text, as `RegExp.test` with the flag `u` says. */
  test(text: string): boolean;
}

/** What `\s` stands for in ECMA-262; RE2 means only the spaces of ASCII by it. */
const spaces = '\\t-\\r \\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}';
/** What `.` does not match in ECMA-262. */
const lineEnds = '\\n\\r\\x{2028}\\x{2029}';

/** Escapes that mean the same in both languages. */
const commonEscapes = /^[dDwWbBtnrfv^$\\.*+?()[\]{}|/-]$/;

/**
 * Compiles a pattern of ECMA-262 for a linear-time engine. What the engine can't do is refused: looking ahead or behind,
 * and references back to a group.
 * @throws Error with what can't be done
 */
export function compileLinearPattern(pattern: string): LinearPattern {
  const compiled = RE2JS.compile(translate(pattern));
  return { test: (text) => compiled.matcher(text).find() };
}

function translate(pattern: string): string {
  // As ECMA-262 reads it; what is wrong for it is wrong here too.
  new RegExp(pattern, 'u');
  let translated = '';
  let isInClass = false;
  for (let at = 0; at < pattern.length; at += 1) {
    const letter = pattern[at] as string;
    if (letter === '\\') {
      const escaped = readEscape(pattern, at + 1);
      translated += writeEscape(escaped, isInClass);
      at += escaped.length;
    } else if (isInClass) {
      if (letter === ']') isInClass = false;
      translated += letter === '[' ? '\\[' : letter;
    } else if (letter === '[') {
      const isNegated = pattern[at + 1] === '^';
      if (pattern[at + (isNegated ? 2 : 1)] === ']')
        throw new Error('an empty class can not be matched in linear time');
      isInClass = true;
      translated += isNegated ? '[^' : '[';
      if (isNegated) at += 1;
    } else if (letter === '.') {
      translated += `[^${lineEnds}]`;
    } else if (letter === '(' && /^\(\?(?:<?[=!])/.test(pattern.slice(at, at + 4))) {
      throw new Error('looking ahead or behind can not be done in linear time');
    } else {
      translated += letter;
    }
  }
  return translated;
}

/** The escape after a backslash: `d`, `x41`, `u0041`, `u{1f600}`, `p{L}`, `k<name>`, `cA`. */
function readEscape(pattern: string, at: number): string {
  const found = /^(?:u\{[0-9a-fA-F]+\}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[pP]\{[^}]*\}|k<[^>]*>|c[A-Za-z]|.)/su.exec(
    pattern.slice(at, at + 80),
  );
  return found?.[0] ?? '';
}

function writeEscape(escaped: string, isInClass: boolean): string {
  const [kind = ''] = escaped;
  if (escaped === 's') return isInClass ? spaces : `[${spaces}]`;
  if (escaped === 'S' && !isInClass) return `[^${spaces}]`;
  if (escaped === '0') return '\\x{0}';
  if (kind === 'u' || kind === 'x') return `\\x{${escaped.replace(/[ux{}]/g, '')}}`;
  if (kind === 'c') return `\\x{${((escaped.codePointAt(1) ?? 0) % 32).toString(16)}}`;
  if (kind === 'p' || kind === 'P') return `\\${kind}{${shortName(escaped.slice(2, -1))}}`;
  if (isInClass && escaped === 'b') return '\\x{8}';
  if (commonEscapes.test(escaped)) return `\\${escaped}`;
  throw new Error(`\\${escaped} can not be matched in linear time`);
}

/** The engine knows categories by their short names. */
const categories: Readonly<Record<string, string>> = {
  Letter: 'L',
  Lowercase_Letter: 'Ll',
  Uppercase_Letter: 'Lu',
  Mark: 'M',
  Number: 'N',
  Decimal_Number: 'Nd',
  Punctuation: 'P',
  Symbol: 'S',
  Separator: 'Z',
};

function shortName(property: string): string {
  const name = property.replace(/^(?:General_Category|gc|Script|sc)=/, '');
  return categories[name] ?? name;
}
