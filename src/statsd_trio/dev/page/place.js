// Where in the page one is: the view, and what it is asked for, as the URL says it.

const DEFAULTS = {
  view: "metrics",
  name: "",
  q: "",
  type: "",
  tag: "",
  sort: "name",
  order: "asc",
  minutes: "5",
  by: "",
  figure: "",
  kind: "",
  price: "",
};

export const TABS = [
  { view: "metrics", title: "Metrics", key: "1" },
  { view: "feed", title: "Events", key: "2" },
  { view: "rejected", title: "Rejected", key: "3" },
  { view: "cardinality", title: "Cardinality", key: "4" },
  { view: "flow", title: "Flow", key: "5" },
];
const VIEWS = new Set([...TABS.map((tab) => tab.view), "metric"]);

// What of a place the server is asked for, by view.
const PARAMETERS = {
  metrics: ["q", "type", "tag", "sort", "order"],
  metric: ["name", "type", "minutes", "by", "q"],
  feed: ["kind", "q"],
  rejected: ["q"],
  cardinality: ["name", "q"],
  flow: [],
};

/** Read a place from the query of a URL. */
export function readPlace(search) {
  const given = new URLSearchParams(search);
  const place = { ...DEFAULTS };
  for (const key of Object.keys(DEFAULTS)) {
    if (given.has(key)) place[key] = given.get(key);
  }
  if (!VIEWS.has(place.view)) place.view = "metrics";
  if (!["1", "5", "30"].includes(place.minutes)) place.minutes = "5";
  return place;
}

/** Write a place as a URL, which names only what is not as usual. */
export function writePlace(place) {
  const query = new URLSearchParams();
  for (const [key, usual] of Object.entries(DEFAULTS)) {
    if (place[key] !== usual) query.set(key, place[key]);
  }
  const text = query.toString();
  return text ? `/?${text}` : "/";
}

/** Return the place of another view, with nothing of the present one. */
export function placeOf(view, more = {}) {
  return { ...DEFAULTS, view, ...more };
}

/** Return what the server is asked for at *place*; *rows* is which part of a list. */
export function writeRequest(place, rows) {
  const query = new URLSearchParams({ view: place.view });
  for (const key of PARAMETERS[place.view]) {
    if (place[key] !== DEFAULTS[key] || key === "minutes") query.set(key, place[key]);
  }
  for (const [key, value] of Object.entries(rows)) query.set(key, String(value));
  return query.toString();
}

/** The link of one metric. */
export function linkMetric(name) {
  return writePlace(placeOf("metric", { name }));
}
