// Times as the person reads them: in their time zone and their locale.

const DAY_MS = 86_400_000;
const formats = new Map();

let locale = "en-US";
let tz = "UTC";

/** Whose times these are from now on. */
export function readTimesAs(person) {
  locale = person.locale;
  tz = person.tz;
  formats.clear();
}

function format(date, options) {
  const key = JSON.stringify(options);
  if (!formats.has(key))
    formats.set(key, new Intl.DateTimeFormat(locale, { timeZone: tz, ...options }));
  return formats.get(key).format(date);
}

export const dateOfTs = (ts) => new Date(Number(ts) * 1000);
const isEnglish = () => locale.startsWith("en");

/** 2026-11-23, in the person's zone. */
export function dayOf(date) {
  const parts = Object.fromEntries(
    new Intl.DateTimeFormat("en-CA", {
      timeZone: tz,
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
    })
      .formatToParts(date)
      .map((part) => [part.type, part.value]),
  );
  return `${parts.year}-${parts.month}-${parts.day}`;
}

/** 3:04 PM, 오후 3:04 */
export const clock = (date) => format(date, { hour: "numeric", minute: "2-digit" });

/** 3:04, for the margin. */
export function shortClock(date) {
  const parts = new Intl.DateTimeFormat(locale, {
    timeZone: tz,
    hour: "numeric",
    minute: "2-digit",
  }).formatToParts(date);
  return parts
    .filter((part) => ["hour", "minute"].includes(part.type))
    .map((part) => part.value)
    .join(":");
}

/** Today, Yesterday, Tomorrow, or null. */
export function nearDay(date, say) {
  const day = dayOf(date);
  const now = Date.now();
  if (day === dayOf(new Date(now))) return say("today");
  if (day === dayOf(new Date(now - DAY_MS))) return say("yesterday");
  if (day === dayOf(new Date(now + DAY_MS))) return say("tomorrow");
  return null;
}

/** The label between the days. */
export function dayLabel(date, say) {
  const near = nearDay(date, say);
  if (near) return near;
  const isThisYear = dayOf(date).slice(0, 4) === dayOf(new Date()).slice(0, 4);
  return isThisYear
    ? longDate(date, { weekday: "long" }, false)
    : longDate(date, { weekday: "long" });
}

/** A day and a time amid a sentence: "today at 3:04 PM". */
export function dayAndClock(date, say) {
  const day = nearDay(date, say)?.toLowerCase() ?? dayLabel(date, say);
  return say("day_at_time", { day, time: clock(date) });
}

/** The time as it is shown when the pointer rests on it. */
export const fullTime = (date) => format(date, { dateStyle: "full", timeStyle: "medium" });

function longDate(date, extra = {}, withYear = true) {
  const year = withYear ? { year: "numeric" } : {};
  const written = format(date, { month: "long", day: "numeric", ...year, ...extra });
  if (!isEnglish()) return written;
  const day = Number(dayOf(date).slice(8));
  return written.replace(new RegExp(`\\b${day}\\b`), `${day}${ordinal(day)}`);
}

function ordinal(day) {
  if (day > 10 && day < 14) return "th";
  return ["th", "st", "nd", "rd"][day % 10] ?? "th";
}

/** What `<!date^…>` says: docs.slack.dev/messaging/formatting-message-text, date formatting. */
export function slackDate(seconds, template, say) {
  const date = new Date(seconds * 1000);
  const lowered = (written) => nearDay(date, say)?.toLowerCase() ?? written;
  const short = format(date, { year: "numeric", month: "short", day: "numeric" });
  const tokens = {
    date_num: dayOf(date),
    date: longDate(date),
    date_short: short,
    date_long: longDate(date, { weekday: "long" }),
    date_pretty: lowered(longDate(date)),
    date_short_pretty: lowered(short),
    date_long_pretty: lowered(longDate(date, { weekday: "long" })),
    day_divider_pretty: dayLabel(date, say),
    time: clock(date),
    time_secs: format(date, { hour: "numeric", minute: "2-digit", second: "2-digit" }),
    ago: ago(date),
  };
  return template.replace(/\{(\w+)\}/g, (whole, name) => tokens[name] ?? whole);
}

function ago(date) {
  const seconds = (date.getTime() - Date.now()) / 1000;
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  for (const [unit, size] of [
    ["year", 31_536_000],
    ["month", 2_592_000],
    ["day", 86_400],
    ["hour", 3600],
    ["minute", 60],
  ]) {
    if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit);
  }
  return relative.format(Math.round(seconds), "second");
}

/** Epoch seconds of a wall time "2026-11-23T10:00" in the person's zone, and back. */
export function secondsOfWall(wall) {
  const asUtc = Date.parse(`${wall}:00Z`);
  const guess = asUtc - offsetAt(asUtc);
  return (asUtc - offsetAt(guess)) / 1000;
}

export function wallOfSeconds(seconds) {
  const ms = seconds * 1000;
  return new Date(ms + offsetAt(ms)).toISOString().slice(0, 16);
}

function offsetAt(ms) {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone: tz,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  }).formatToParts(new Date(ms));
  const at = Object.fromEntries(parts.map((part) => [part.type, Number(part.value)]));
  return (
    Date.UTC(at.year, at.month - 1, at.day, at.hour, at.minute, at.second) -
    Math.floor(ms / 1000) * 1000
  );
}
