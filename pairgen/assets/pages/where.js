// The `--where` language on the columns that a page holds: the grammar of
// `pairgen/shards/format/where.py`, which says what is allowed. A column is {type, values} with the
// types int (BigInt), float, text and bool; a missing value is null. Whole columns are computed,
// as Arrow does, so that a value that cannot be computed is an error in any row.
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

  // --- From a tree to whole columns: {type, values, scalar}.

  function compute(node, columns, num) {
    const parts = () => node.children.map((each) => compute(each, columns, num));
    switch (node.kind) {
      case "value":
        return { type: node.type, values: Array(num).fill(node.value), scalar: true };
      case "name":
        if (!Object.hasOwn(columns, node.name)) {
          fail(`there is no column '${node.name}'`);
        }
        if (!["int", "float", "text", "bool"].includes(columns[node.name].type)) {
          fail(`the column '${node.name}' holds what cannot be compared`);
        }
        return { ...columns[node.name], scalar: false };
      case "and":
        return parts().reduce(both);
      case "or":
        return parts().reduce(either);
      case "not":
        return invert(parts()[0]);
      case "negate": {
        const [of] = parts();
        numeric([of], "'-'");
        return apply([of], of.type, (a) => (of.type === "int" ? fitting(-a) : -a));
      }
      case "compare":
        return compareChain(node, columns, num);
      case "call":
        return call(node.name, node.children.slice(1).map((each) => compute(each, columns, num)));
      default:
        return arithmetic(node.kind, parts());
    }
  }

  function apply(parts, type, function_) {
    const values = parts[0].values.map((_, row) => {
      const given = parts.map((each) => each.values[row]);
      return given.includes(null) ? null : function_(...given);
    });
    return { type, values, scalar: parts.every((each) => each.scalar) };
  }

  function kleene(parts, word, decisive) {
    for (const each of parts) if (each.type !== "bool") fail(`'${word}' does not take ${each.type}`);
    const values = parts[0].values.map((a, row) => {
      const b = parts[1].values[row];
      if (a === decisive || b === decisive) return decisive;
      return a === null || b === null ? null : !decisive;
    });
    return { type: "bool", values, scalar: parts.every((each) => each.scalar) };
  }
  const both = (a, b) => kleene([a, b], "and", false);
  const either = (a, b) => kleene([a, b], "or", true);

  function invert(of) {
    if (of.type !== "bool") fail(`'not' does not take ${of.type}`);
    return apply([of], "bool", (a) => !a);
  }

  function numeric(parts, what) {
    for (const each of parts) {
      if (!["int", "float"].includes(each.type)) fail(`${what} does not take ${each.type}`);
    }
  }

  function fitting(value) {
    if (value >= LARGEST || value < -LARGEST) fail("a number overflows");
    return value;
  }

  // Arrow computes in doubles as soon as one side is one.
  const toFloat = (of) => (of.type === "int" ? apply([of], "float", exactly) : of);

  function exactly(value) {
    if (value > 2n ** 53n || value < -(2n ** 53n)) fail("an integer is too large for a division");
    return Number(value);
  }

  function arithmetic(operator, parts) {
    if (operator === "/") {
      const [a, b] = parts.map(divisible);
      return apply([a, b], "float", (x, y) => x / y);
    }
    numeric(parts, `'${operator}'`);
    const operations = { "+": (x, y) => x + y, "-": (x, y) => x - y, "*": (x, y) => x * y };
    if (parts.every((each) => each.type === "int")) {
      return apply(parts, "int", (x, y) => fitting(operations[operator](x, y)));
    }
    return apply(parts.map(toFloat), "float", operations[operator]);
  }

  function divisible(of) {
    if (of.type === "bool") return apply([of], "float", Number);
    if (of.type !== "text") return toFloat(of);
    return apply([of], "float", (text) => {
      if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) fail(`'${text}' is no number`);
      return Number(text);
    });
  }

  const COMPARE = {
    "==": (order) => order === 0, "!=": (order) => order !== 0, "<": (order) => order < 0,
    "<=": (order) => order <= 0, ">": (order) => order > 0, ">=": (order) => order >= 0,
  };

  function compareChain(node, columns, num) {
    const pairs = node.operators.map((operator, i) => {
      const [a, b] = node.children.slice(i, i + 2);
      const left = compute(a, columns, num);
      const item = (each) => compute(each, columns, num);
      if (!operator.endsWith("in")) return compared(operator, left, item(b));
      const none = { type: "bool", values: Array(num).fill(false), scalar: true };
      const found = b.kind === "list"
        ? b.children.map((each) => compared("==", left, item(each))).reduce(either, none)
        : call("contains", [item(b), left]);
      return operator === "in" ? found : invert(found);
    });
    return pairs.reduce(both);
  }

  function compared(operator, a, b) {
    const numbers = [a, b].every((each) => ["int", "float"].includes(each.type));
    if (!numbers && a.type !== b.type) fail(`'${operator}' does not take ${a.type} and ${b.type}`);
    const [left, right] = numbers && a.type !== b.type ? [toFloat(a), toFloat(b)] : [a, b];
    return apply([left, right], "bool", (x, y) => {
      // No order with a value that is not a number: only != holds.
      if (x !== x || y !== y) return operator === "!=";
      return COMPARE[operator](order(x, y));
    });
  }

  function order(a, b) {
    if (typeof a !== "string") return a < b ? -1 : a > b ? 1 : 0;
    // By code points, as UTF-8 sorts; JavaScript compares halves of pairs.
    const x = [...a], y = [...b];
    const at = x.findIndex((each, i) => each !== y[i]);
    if (at < 0) return x.length - y.length;
    return at >= y.length ? 1 : x[at].codePointAt(0) - y[at].codePointAt(0);
  }

  // Letter by letter, each to one letter.
  const lower = (text) => [...text].map((each) => [...each.toLowerCase()][0]).join("");

  function call(name, [text, pattern]) {
    const parts = pattern ? [text, pattern] : [text];
    for (const each of parts) if (each.type !== "text") fail(`${name} takes text, not ${each.type}`);
    if (pattern && !pattern.scalar) fail(`${name} expects a quoted text, not a column`);
    switch (name) {
      case "len":
        return apply(parts, "int", (a) => BigInt([...a].length));
      case "lower":
        return apply(parts, "text", lower);
      case "startswith":
        return apply(parts, "bool", (a, b) => a.startsWith(b));
      case "endswith":
        return apply(parts, "bool", (a, b) => a.endsWith(b));
      default:
        return apply(parts, "bool", (a, b) => a.includes(b));
    }
  }

  /** Return which of `num` rows meet a condition; throws a WhereError with the reason. */
  function mask(text, columns, num) {
    const found = compute(parse(text), columns, num);
    if (found.type !== "bool") fail(`it gives ${found.type} instead of true or false`);
    return found.values.map((each) => each === true);
  }

  /** Return columns as this file takes them from the JSON of a page. */
  function decode(columns) {
    const special = { nan: NaN, inf: Infinity, "-inf": -Infinity };
    const read = { int: BigInt, float: (each) => special[each] ?? each };
    return Object.fromEntries(columns.map(({ name, type, values }) => [name, {
      type, values: values.map((each) => (each === null || !read[type] ? each : read[type](each))),
    }]));
  }

  globalThis.pairgen = { ...globalThis.pairgen, where: { mask, decode, order, WhereError } };
})();
