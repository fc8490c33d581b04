/** A value of a JSON text with comments, and where it stands. */
export type JsoncNode = {
  readonly start: number;
  /** Behind its last character. */
  readonly end: number;
} & (
  | { readonly kind: 'object'; readonly members: readonly JsoncMember[] }
  | { readonly kind: 'list'; readonly items: readonly JsoncNode[] }
  | { readonly kind: 'scalar'; readonly value: unknown }
);

export interface JsoncMember {
  readonly name: string;
  readonly value: JsoncNode;
}

/** Reads JSON as editors have it: with comments, and commas after the last member. Undefined for what is none. */
export function parseJsonc(text: string): JsoncNode | undefined {
  const reader = new JsoncReader(text);
  try {
    const node = reader.value();
    return reader.isAtEnd() ? node : undefined;
  } catch {
    return undefined;
  }
}

/** White space, `// …` and a comment in stars. */
const gap = /(?:\s|\/\/[^\n\r]*|\/\*[\s\S]*?\*\/)*/y;
const scalar = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null/y;

class JsoncReader {
  readonly #text: string;
  #at: number;

  constructor(text: string) {
    this.#text = text;
    this.#at = text.startsWith('\ufeff') ? 1 : 0;
    this.#skip(gap);
  }

  isAtEnd(): boolean {
    return this.#at === this.#text.length;
  }

  value(): JsoncNode {
    const start = this.#at;
    if (this.#take('{')) {
      const members = this.#until('}', () => this.#member());
      return this.#close({ kind: 'object', members, start });
    }
    if (this.#take('[')) {
      const items = this.#until(']', () => this.value());
      return this.#close({ kind: 'list', items, start });
    }
    return this.#close({ kind: 'scalar', value: JSON.parse(this.#skip(scalar)), start });
  }

  #member(): JsoncMember {
    const name: unknown = JSON.parse(this.#skip(scalar));
    this.#skip(gap);
    if (typeof name !== 'string' || !this.#take(':')) throw new Error('no member');
    return { name, value: this.value() };
  }

  #until<T>(end: string, read: () => T): T[] {
    const found: T[] = [];
    while (this.#text[this.#at] !== end) {
      if (found.length > 0 && !this.#take(',')) throw new Error('no comma');
      if (this.#text[this.#at] !== end) found.push(read());
    }
    this.#at += 1;
    return found;
  }

  /** Ends a node here, and goes on behind the gap after it. */
  #close<T>(node: T): T & { end: number } {
    const end = this.#at;
    this.#skip(gap);
    return { ...node, end };
  }

  #take(sign: string): boolean {
    if (this.#text[this.#at] !== sign) return false;
    this.#at += 1;
    this.#skip(gap);
    return true;
  }

  #skip(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const [found] = pattern.exec(this.#text) ?? [''];
    this.#at += found.length;
    return found;
  }
}
