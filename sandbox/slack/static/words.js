// Slack's own words in the language of the person; the tables are en.json and ko.json.

const start = JSON.parse(document.getElementById("start").textContent);

/** What the server said about this page: user, channel, ts, tab, words. */
export const page = start;

/** A sentence; `{name}` in it is replaced, and `key_one` is preferred when count is 1. */
export function say(key, params = {}) {
  const chosen = params.count === 1 && `${key}_one` in start.words ? `${key}_one` : key;
  const sentence = start.words[chosen] ?? key;
  return sentence.replace(/\{(\w+)\}/g, (whole, name) =>
    name in params ? String(params[name]) : whole,
  );
}
