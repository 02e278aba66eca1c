// Small pieces that several views show: types, tags, problems.
import { html } from "/page/html.js";

const PROBLEMS = {
  mixed_types: "mixed types",
  unbounded_tag: "unbounded tag",
  rate_on_gauge: "rate on a gauge",
  seconds_in_ms: "seconds in ms",
  gauge_delta: "signed gauge",
  name_characters: "odd name",
};

export function Types({ types }) {
  return types.map(
    (type) => html`<span key=${type} class=${`type type-${type}`}>${type}</span>`,
  );
}

export function Tags({ tags, onPick }) {
  if (!tags.length) return html`<span class="faint">no tags</span>`;
  return tags.map((tag) =>
    onPick
      ? html`<button key=${tag} type="button" class="tag" onClick=${() => onPick(tag)}>
          ${tag}
        </button>`
      : html`<span key=${tag} class="tag">${tag}</span>`,
  );
}

export function nameProblem(code) {
  return PROBLEMS[code] ?? code.replaceAll("_", " ");
}

export function Problems({ codes }) {
  return codes.map(
    (code) => html`<span key=${code} class="problem">${nameProblem(code)}</span>`,
  );
}

export function Empty({ title, children }) {
  return html`<div class="empty">
    <h2>${title}</h2>
    ${children}
  </div>`;
}

// As many rows as the server gives at once.
const MOST_ROWS = 500;

/** What stands under rows: that there are none, or a button for more of them. */
export function RowsEnd({ app, doc, rows }) {
  if (!doc) return null;
  if (!doc.rows.length) return html`<p class="note">None is like that.</p>`;
  if (doc.total <= doc.rows.length || rows.limit >= MOST_ROWS) return null;
  const limit = Math.min(MOST_ROWS, rows.limit + 100);
  return html`<button
    type="button"
    class="button more"
    onClick=${() => app.setRows({ ...rows, limit })}
  >
    Show more
  </button>`;
}

/** One of a few choices, side by side. */
export function Choice({ label, options, value, onPick }) {
  return html`<div class="choice" role="group" aria-label=${label}>
    ${options.map(
      ([key, title]) =>
        html`<button
          key=${key}
          type="button"
          aria-pressed=${key === value ? "true" : "false"}
          onClick=${() => onPick(key)}
        >
          ${title}
        </button>`,
    )}
  </div>`;
}
