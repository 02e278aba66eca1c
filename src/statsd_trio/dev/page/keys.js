// The keyboard: what each key does, and the card that says so.
import { Component, createRef, html } from "/page/html.js";
import { placeOf, TABS } from "/page/place.js";

const KEYS = [
  ["/", "search"],
  ["j k ↓ ↑", "next, previous row"],
  ["Enter", "open the row"],
  ["Esc", "back, or clear the search"],
  ["1 – 5", TABS.map((tab) => tab.title.toLowerCase()).join(", ")],
  ["t", "one metric: 1, 5 or 30 minutes"],
  ["c", "one metric: copy it as a test"],
  ["p", "pause, go on"],
  ["?", "these keys"],
];
const PAGE_ROWS = 15;
const STEPS = {
  j: 1,
  k: -1,
  ArrowDown: 1,
  ArrowUp: -1,
  PageDown: PAGE_ROWS,
  PageUp: -PAGE_ROWS,
  Home: -Infinity,
  End: Infinity,
};

export function handleKey(event, app) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const field = event.target.closest?.("input, select, textarea");
  if (event.key === "Escape") {
    if (app.state.isHelpOpen) app.setState({ isHelpOpen: false });
    else if (field) leaveField(field, app);
    else app.back();
    event.preventDefault();
    return;
  }
  if (app.state.isHelpOpen && event.key !== "?") return;
  if (field && !(field.id === "search" && isListKey(event.key))) return;
  if (field && event.key.length === 1) return;
  if (act(event, app)) event.preventDefault();
}

function isListKey(key) {
  return ["ArrowDown", "ArrowUp", "PageDown", "PageUp", "Enter"].includes(key);
}

function leaveField(field, app) {
  if (field.id === "search" && field.value) app.refine({ q: "" });
  else field.blur();
}

function act(event, app) {
  const { key } = event;
  const tab = TABS.find((each) => each.key === key);
  if (tab) app.go(placeOf(tab.view));
  else if (key === "/") focusSearch();
  else if (key === "?") app.setState({ isHelpOpen: !app.state.isHelpOpen });
  else if (key === "p") app.change(app.state.server?.paused ? "resume" : "pause");
  else if (key === "c") document.getElementById("copy-test")?.click();
  else if (key === "t") cycleMinutes(app);
  else if (key in STEPS) return moveSelection(STEPS[key], app);
  else if (key === "Enter") return openSelection(event, app);
  else return false;
  return true;
}

function focusSearch() {
  const search = document.getElementById("search");
  search?.focus();
  search?.select();
}

function cycleMinutes(app) {
  const { place } = app.state;
  if (place.view === "metric") {
    app.refine({ minutes: { 1: "5", 5: "30", 30: "1" }[place.minutes] });
  }
}

function moveSelection(step, app) {
  const { doc, place, selected } = app.state;
  if (!doc || !["metrics", "cardinality"].includes(place.view)) return false;
  app.select(Math.max(0, Math.min(doc.total - 1, selected + step)));
  return true;
}

function openSelection(event, app) {
  // Buttons and links are opened by the browser.
  if (event.target.closest?.("button, a, summary")) return false;
  const { doc, place, selected } = app.state;
  const rows = doc?.rows ?? doc?.names;
  const row = rows?.[Math.max(0, selected) - (doc.offset ?? 0)];
  if (!row) return false;
  if (place.view === "metrics") app.go(placeOf("metric", { name: row.name }));
  else if (place.view === "cardinality") app.refine({ name: row.name });
  else return false;
  return true;
}

export class KeyHelp extends Component {
  constructor() {
    super();
    this.dialog = createRef();
  }

  componentDidMount() {
    this.dialog.current.showModal();
  }

  render({ app }) {
    const close = () => app.setState({ isHelpOpen: false });
    return html`<dialog
      ref=${this.dialog}
      class="keys"
      aria-labelledby="keys-title"
      onClose=${close}
      onClick=${(event) => event.target === this.dialog.current && close()}
    >
      <h2 id="keys-title">Keys</h2>
      <dl>
        ${KEYS.map(
          ([key, meaning]) =>
            html`<div key=${key}>
              <dt>
                ${key
                  .split(" ")
                  .map((each) => (each === "–" ? " – " : html`<kbd>${each}</kbd>`))}
              </dt>
              <dd>${meaning}</dd>
            </div>`,
        )}
      </dl>
      <button type="button" class="button" onClick=${close}>Close</button>
    </dialog>`;
  }
}
