// How much room there is.
const narrow = matchMedia("(max-width: 760px)");

export function isNarrow() {
  return narrow.matches;
}
