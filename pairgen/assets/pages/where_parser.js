// Parses a condition of the `--where` language: the grammar of `pairgen/shards/format/where.py`,
// which says what is allowed. The tree has the kinds value, name, list, call, compare, and, or, not,
// negate and + - * /.
(() => {
  "use strict";

  const MAX_CHARACTERS = 10_000, MAX_DEPTH = 100;
  const LARGEST = 2n ** 63n;
  const ARGUMENTS = { len: 1, lower: 1, startswith: 2, endswith: 2, contains: 2 };
  const KEYWORDS = new Set(
    ("False None True and as assert async await break class continue def del elif else except " +
      "finally for from global if import in is lambda nonlocal not or pass raise return try while " +
      "with yield").split(" "),
  );
  const ESCAPES = { a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v",
    "\\": "\\", "'": "'", '"': '"', "\n": "" };
  const NUMBER = new RegExp(
    "^(?:0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|" +
      "(?:\\d(?:_?\\d)*)?\\.\\d(?:_?\\d)*(?:[eE][+-]?\\d(?:_?\\d)*)?|" +
      "\\d(?:_?\\d)*\\.?(?:[eE][+-]?\\d(?:_?\\d)*)?)",
  );
  const STRING = /^[rRuUbBfFtT]{0,2}(?=['"])/;
  const NAME = /^[\p{ID_Start}_][\p{ID_Continue}]*/u;
  const SYMBOL = /^(?:==|!=|<=|>=|<(?![<>])|>(?!>)|\+|-|\*(?!\*)|\/(?!\/)|\(|\)|\[|\]|,)/;

  class WhereError extends Error {}
  const fail = (reason) => { throw new WhereError(reason); };

  // --- From text to tokens: {kind: "number" | "text" | "name" | "symbol" | "end", value}.

  function tokens(text) {
    const found = [];
    let at = 0, depth = 0;
    while (at < text.length) {
      const rest = text.slice(at);
      const blank = /^(?:[ \t\f]|\\\r?\n|#[^\n]*)+/.exec(rest);
      let match;
      if (blank) {
        at += blank[0].length;
      } else if (/^\r?\n/.test(rest)) {
        if (!depth) fail(`a line ends at character ${at + 1}`);
        at += 1;
      } else if ((match = STRING.exec(rest))) {
        const [value, length] = string(rest, match[0]);
        found.push({ kind: "text", value });
        at += length;
      } else if ((match = NUMBER.exec(rest))) {
        if (NAME.test(rest.slice(match[0].length))) fail(`a number is wrong at character ${at + 1}`);
        found.push({ kind: "number", value: number(match[0]) });
        at += match[0].length;
      } else if ((match = NAME.exec(rest))) {
        const name = match[0];
        if (name !== name.normalize("NFKC")) fail(`'${name}' is written with look-alike letters`);
        found.push({ kind: KEYWORDS.has(name) ? "symbol" : "name", value: name });
        at += name.length;
      } else if ((match = SYMBOL.exec(rest))) {
        depth += "([".includes(match[0]) ? 1 : ")]".includes(match[0]) ? -1 : 0;
        found.push({ kind: "symbol", value: match[0] });
        at += match[0].length;
      } else {
        fail(`'${String.fromCodePoint(rest.codePointAt(0))}' is not allowed at character ${at + 1}`);
      }
    }
    found.push({ kind: "end", value: "the end" });
    return found;
  }

  function number(text) {
    const plain = text.replaceAll("_", "");
    if (/^0[xXoObB]/.test(plain) || /^\d+$/.test(plain)) {
      if (/^0\d*[1-9]/.test(plain)) fail(`${text} begins with a zero`);
      const value = BigInt(plain);
      if (value >= LARGEST) fail("it contains an integer that does not fit in 64 bits");
      return value;
    }
    return Number(plain);
  }

  function string(rest, prefix) {
    const letters = prefix.toLowerCase();
    if (!["", "r", "u"].includes(letters)) fail(`a text that begins with ${prefix} is not allowed`);
    const mark = rest[prefix.length];
    const quote = rest.startsWith(mark.repeat(3), prefix.length) ? mark.repeat(3) : mark;
    let at = prefix.length + quote.length, value = "";
    while (!rest.startsWith(quote, at)) {
      if (at >= rest.length || (rest[at] === "\n" && quote.length === 1)) fail("a text has no end");
      if (rest[at] !== "\\") {
        value += rest[at++];
      } else if (letters === "r") {
        value += rest.slice(at, at + 2);
        at += 2;
      } else {
        const [character, length] = escape(rest.slice(at + 1, at + 12));
        value += character;
        at += 1 + length;
      }
    }
    if (!value.isWellFormed()) fail("it contains a text that is not valid UTF-8");
    return [value, at + quote.length];
  }

  function escape(rest) {
    if (rest[0] in ESCAPES) return [ESCAPES[rest[0]], 1];
    const octal = /^[0-7]{1,3}/.exec(rest);
    if (octal) return [String.fromCodePoint(parseInt(octal[0], 8)), octal[0].length];
    const length = { x: 2, u: 4, U: 8 }[rest[0]];
    if (rest[0] === "N") fail("a character's name is not known in a page: write it as it is");
    if (!length) return ["\\" + (rest[0] ?? ""), Math.min(1, rest.length)];
    const digits = rest.slice(1, 1 + length);
    const code = parseInt(digits, 16);
    if (!/^[0-9a-fA-F]+$/.test(digits) || digits.length < length || code > 0x10ffff) {
      fail("an escape in a text is wrong");
    }
    // Two escapes never make one character, as they would in JavaScript.
    if (code >= 0xd800 && code <= 0xdfff) fail("it contains a text that is not valid UTF-8");
    return [String.fromCodePoint(code), 1 + length];
  }

  // --- From tokens to a tree, by Python's precedence. A node's depth is that of Python's.

  function parse(text) {
    if ([...text].length > MAX_CHARACTERS) fail("it is too long");
    if (!text.isWellFormed()) fail("it is not UTF-8");
    if (text.includes("\0")) fail("it contains a null character");
    const list = tokens(text.trim());
    let at = 0, open = 0;
    const is = (value) => list[at].kind === "symbol" && list[at].value === value;
    const take = (value) => is(value) && Boolean(++at);
    const expect = (value) => { if (!take(value)) fail(`'${value}' is missing before ${shown()}`); };
    const shown = () => (list[at].kind === "end" ? "the end" : `'${list[at].value}'`);
    const node = (kind, children, more) => ({
      kind, children, depth: 1 + Math.max(1, ...children.map((each) => each.depth)), ...more });

    function nested(inner) {
      // The browser's own stack ends far later than this.
      if (++open > 1000) fail("it is nested too deeply");
      const found = inner();
      open -= 1;
      return found;
    }
    function logic(word, inner) {
      const parts = [inner()];
      while (take(word)) parts.push(inner());
      return parts.length === 1 ? parts[0] : node(word, parts);
    }
    const disjunction = () => logic("or", () => logic("and", negation));
    function negation() {
      return take("not") ? nested(() => node("not", [negation()])) : comparison();
    }
    function comparison() {
      const sides = [sum()], operators = [];
      for (let found; (found = comparator()); ) {
        operators.push(found);
        sides.push(sum());
      }
      if (!operators.length) return sides[0];
      sides.forEach((side, i) => {
        const listed = i === sides.length - 1 && ["in", "not in"].includes(operators.at(-1));
        if (side.kind === "list" && !listed) fail("a list may only stand after 'in'");
      });
      return node("compare", sides, { operators });
    }
    function comparator() {
      if (is("is")) fail("'is' is not allowed, only ==");
      if (is("not") && list[at + 1].value === "in" && list[at + 1].kind === "symbol") {
        at += 2;
        return "not in";
      }
      return ["==", "!=", "<", "<=", ">", ">=", "in"].find(take);
    }
    function chain(operators, inner) {
      let left = inner();
      for (let found; (found = operators.find(take)); ) left = node(found, [left, inner()]);
      return left;
    }
    const sum = () => chain(["+", "-"], () => chain(["*", "/"], unary));
    const unary = () => (take("-") ? nested(() => node("negate", [unary()])) : atom());
    function atom() {
      const { kind, value } = list[at];
      if (kind === "number") {
        at += 1;
        return { kind: "value", type: typeof value === "bigint" ? "int" : "float", value, depth: 1 };
      }
      if (kind === "text") {
        let text = "";
        while (list[at].kind === "text") text += list[at++].value;
        return { kind: "value", type: "text", value: text, depth: 1 };
      }
      if (kind === "name") {
        at += 1;
        return take("(") ? call(value) : { kind: "name", name: value, depth: 2 };
      }
      for (const [word, truth] of [["True", true], ["False", false]]) {
        if (take(word)) return { kind: "value", type: "bool", value: truth, depth: 1 };
      }
      if (take("[")) return node("list", items("]").elements);
      if (take("(")) {
        const { elements, comma } = items(")");
        return elements.length === 1 && !comma ? elements[0] : node("list", elements);
      }
      return fail(`${shown()} is not expected there`);
    }
    function items(end) {
      const elements = [];
      let comma = false;
      while (!take(end)) {
        elements.push(nested(disjunction));
        comma = take(",");
        if (!comma) {
          expect(end);
          break;
        }
      }
      return { elements, comma: comma || !elements.length };
    }
    function call(name) {
      if (!Object.hasOwn(ARGUMENTS, name)) fail(`there is no function '${name}'`);
      const { elements } = items(")");
      if (elements.length !== ARGUMENTS[name]) {
        fail(`${name} takes ${ARGUMENTS[name]} values, not ${elements.length}`);
      }
      return node("call", [{ kind: "function", depth: 2 }, ...elements], { name });
    }

    const tree = disjunction();
    if (list[at].kind !== "end") fail(`${shown()} is not expected there`);
    if (tree.depth > MAX_DEPTH) fail(`it is nested too deeply, more than ${MAX_DEPTH} times`);
    const check = (each, parent) => {
      if (each.kind === "list" && parent?.kind !== "compare") fail("a list is not allowed there");
      (each.children ?? []).forEach((child) => check(child, each));
    };
    check(tree);
    return tree;
  }

  globalThis.pairgen = { ...globalThis.pairgen, whereParser: { parse, fail, WhereError, LARGEST } };
})();
