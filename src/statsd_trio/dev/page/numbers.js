// Numbers, times and amounts as people read them.

const grouped = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});
const SUFFIXES = [
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
];

/** A whole number with its thousands apart. */
export function formatCount(number) {
  return number === null || number === undefined ? "–" : grouped.format(number);
}

/** A measured value in at most six characters or so. */
export function formatValue(number) {
  if (number === null || number === undefined) return "–";
  const size = Math.abs(number);
  for (const [unit, suffix] of SUFFIXES) {
    if (size >= unit) {
      const scaled = number / unit;
      return size >= unit * 1e4
        ? number.toExponential(2)
        : trim(scaled.toPrecision(4)) + suffix;
    }
  }
  if (Number.isInteger(number)) return grouped.format(number);
  if (size >= 1000) return grouped.format(number);
  if (size >= 0.001) return trim(number.toPrecision(size >= 100 ? 4 : 3));
  return number.toExponential(1);
}

/** So many a second. */
export function formatRate(number) {
  if (!number) return "0";
  return number < 10 ? number.toFixed(1) : grouped.format(number);
}

export function formatClock(seconds) {
  return clock.format(new Date(seconds * 1000));
}

/** How long ago *then* was. */
export function formatAgo(now, then) {
  const seconds = Math.max(0, Math.round(now - then));
  if (seconds < 2) return "now";
  if (seconds < 100) return `${seconds} s ago`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min ago`;
  return `${Math.round(seconds / 3600)} h ago`;
}

/** "1 line", "2 lines". */
export function formatAmount(number, singular, plural = `${singular}s`) {
  return `${formatCount(number)} ${number === 1 ? singular : plural}`;
}

function trim(text) {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}
