"use strict";
// A name as the tables show it, for the other scripts; `refdet.report.page.names` has the same rule.
const shownName = (() => {
  const code = (letter) => letter.codePointAt(0).toString(16);
  const SHORT = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
  const escaped = (letter) => {
    if (SHORT[letter]) return SHORT[letter];
    if (letter <= "\xff") return `\\x${code(letter).padStart(2, "0")}`;
    return letter.length === 1
      ? `\\u${code(letter).padStart(4, "0")}`
      : `\\U${code(letter).padStart(8, "0")}`;
  };
  return (name) => {
    // Control characters, those that turn the line around, and any blank but the usual one.
    const shown = name.replace(/(?! )[\p{C}\p{Z}]/gu, escaped);
    return shown.trim() ? shown : `"${shown}"`;
  };
})();
