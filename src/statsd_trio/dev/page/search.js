// Search as one types.
import { html } from "/page/html.js";

export function Search({ app, place, label }) {
  return html`<div class="search">
    <input
      id="search"
      type="search"
      aria-label=${label}
      placeholder=${label}
      title="/ comes here"
      autocomplete="off"
      spellcheck="false"
      value=${place.q}
      onInput=${(event) => app.refine({ q: event.target.value })}
    />
    <kbd aria-hidden="true">/</kbd>
  </div>`;
}
