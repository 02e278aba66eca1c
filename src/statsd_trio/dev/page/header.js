// The top of the page: where one is, how the server is, and what one can do with all.
import { Component, html } from "/page/html.js";
import { CopyButton } from "/page/clipboard.js";
import { formatCount, formatRate } from "/page/numbers.js";
import { placeOf, TABS, writePlace } from "/page/place.js";

const EXPORTS = [
  ["capture.jsonl", "Capture", "for statsd-trio replay"],
  ["metrics.jsonl", "Metrics", "each context with its history"],
  ["events.jsonl", "Events", "and service checks"],
  ["rejected.jsonl", "Rejected lines", "with their reasons"],
];

export function Header({ app, place, server, isLinked }) {
  return html`<header class="header">
    <h1 class="brand">statsd-trio <b>dev</b></h1>
    <nav class="tabs" aria-label="Views">
      ${TABS.map((tab) => renderTab(tab, app, place, server))}
    </nav>
    <div class="actions">
      ${renderPulse(server, isLinked)}
      <button
        type="button"
        class="button"
        title="Pause or go on (p)"
        disabled=${!server}
        onClick=${() => app.change(server?.paused ? "resume" : "pause")}
      >
        ${server?.paused ? "Go on" : "Pause"}
      </button>
      <${ClearButton} app=${app} />
      <${ExportMenu} />
      <button
        type="button"
        class="button"
        title="Keys (?)"
        aria-label="Keys"
        onClick=${() => app.setState({ isHelpOpen: true })}
      >
        ?
      </button>
    </div>
  </header>`;
}

function renderTab({ view, title, key }, app, place, server) {
  const isHere = view === place.view || (view === "metrics" && place.view === "metric");
  const target = placeOf(view);
  const [figure, className] = describeTab(view, server);
  return html`<a
    key=${view}
    href=${writePlace(target)}
    title=${`${title} (${key})`}
    aria-current=${isHere ? "page" : undefined}
    onClick=${(event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      app.go(target);
    }}
    >${title}${figure && html` <span class=${className}>${figure}</span>`}</a
  >`;
}

function describeTab(view, server) {
  if (!server) return ["", ""];
  const { names, events, service_checks: checks, rejected_lines: rejected } = server;
  if (view === "metrics") return [formatCount(names), "figure"];
  if (view === "feed") return [formatCount(events + checks), "figure"];
  if (view === "rejected") {
    return [formatCount(rejected), rejected ? "figure is-bad" : "figure"];
  }
  if (view === "cardinality") return [formatCount(server.contexts), "figure"];
  return server.lost
    ? [
        html`${formatCount(server.lost)}<span class="wide"> lost</span>`,
        "figure is-bad",
      ]
    : ["✓", "figure is-good"];
}

function renderPulse(server, isLinked) {
  let [className, text] = ["pulse is-waiting", "Connecting"];
  if (isLinked === false) [className, text] = ["pulse is-lost", "Reconnecting"];
  else if (server?.paused) [className, text] = ["pulse is-paused", "Paused"];
  else if (server) {
    className = "pulse is-live";
    text = html`<span class="rate">${formatRate(server.lines_per_second)}</span>
      lines/s`;
  }
  return html`<span class=${className} role="status"
    ><i aria-hidden="true"></i>${text}</span
  >`;
}

class ClearButton extends Component {
  constructor() {
    super();
    this.state = { isAsking: false };
    this.timer = 0;
  }

  press(app) {
    clearTimeout(this.timer);
    if (this.state.isAsking) {
      app.change("clear");
      this.setState({ isAsking: false });
      return;
    }
    // Nothing brings back what is cleared, so a second press has to say so.
    this.setState({ isAsking: true });
    this.timer = setTimeout(() => this.setState({ isAsking: false }), 3000);
  }

  render({ app }, { isAsking }) {
    return html`<button
      type="button"
      class=${isAsking ? "button is-asking" : "button"}
      title="Forget everything that is shown"
      onClick=${() => this.press(app)}
    >
      ${isAsking ? "Sure?" : "Clear"}
    </button>`;
  }
}

class ExportMenu extends Component {
  constructor() {
    super();
    this.state = { isOpen: false };
    this.outside = (event) => {
      if (!event.target.closest?.(".menu")) this.setState({ isOpen: false });
    };
    this.escape = (event) => {
      if (event.key === "Escape" && this.state.isOpen) {
        this.setState({ isOpen: false });
        event.stopPropagation();
      }
    };
  }

  componentDidMount() {
    document.addEventListener("click", this.outside);
    document.addEventListener("keydown", this.escape);
  }

  render(_, { isOpen }) {
    return html`<div class="menu">
      <button
        type="button"
        class="button"
        aria-expanded=${isOpen ? "true" : "false"}
        onClick=${() => this.setState({ isOpen: !isOpen })}
      >
        Export
      </button>
      ${
        isOpen &&
        html`<div class="menu-box">
          ${EXPORTS.map(
            ([file, title, note]) =>
              html`<a key=${file} href=${`/api/export/${file}`} download=${file}
                >${title} <span class="faint">${note}</span></a
              >`,
          )}
          <${CopyButton}
            className="menu-item"
            text=${location.href}
            label="Copy the link of this view"
          />
        </div>`
      }
    </div>`;
  }
}
