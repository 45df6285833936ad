// The `--where` language on the columns that a page holds. A column is {type, values} with the types
// int (BigInt), float, text and bool; a missing value is null. Whole columns are computed, as Arrow
// does, so that a value that cannot be computed is an error in any row.
(() => {
  "use strict";
  const { parse, fail, WhereError, LARGEST } = globalThis.pairgen.whereParser;

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
