// Text of others as it can be shown: what `pairgen/visible.py` does, for what scripts write.
(() => {
  "use strict";
  const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
  const SHORT = { "\b": "\\b", "\f": "\\f", "\r": "\\r" };

  function visible(text) {
    return text.replace(HIDDEN, (found) => {
      if ("\n\t\u200c\u200d".includes(found)) return found;
      const units = [...Array(found.length).keys()].map((i) => found.charCodeAt(i));
      return SHORT[found] ?? units.map((u) => `\\u${u.toString(16).padStart(4, "0")}`).join("");
    });
  }
  globalThis.pairgen = { ...globalThis.pairgen, visible };
})();
