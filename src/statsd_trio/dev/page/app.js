// The whole page: what is asked for, what came, and who shows it.
import { Component, html } from "/page/html.js";
import { Header } from "/page/header.js";
import { handleKey, KeyHelp } from "/page/keys.js";
import { Notices } from "/page/notices.js";
import { placeOf, readPlace, TABS, writePlace, writeRequest } from "/page/place.js";
import { change, Stream } from "/page/stream.js";
import { CardinalityView } from "/page/views/cardinality.js";
import { FeedView } from "/page/views/feed.js";
import { FlowView } from "/page/views/flow.js";
import { MetricView } from "/page/views/metric.js";
import { MetricsView } from "/page/views/metrics.js";
import { RejectedView } from "/page/views/rejected.js";

const VIEWS = {
  metrics: MetricsView,
  metric: MetricView,
  feed: FeedView,
  rejected: RejectedView,
  cardinality: CardinalityView,
  flow: FlowView,
};
const FIRST_ROWS = {
  metrics: { offset: 0, limit: 100 },
  metric: { offset: 0, limit: 60 },
  feed: { limit: 100 },
  rejected: { offset: 0, limit: 100 },
  cardinality: { offset: 0, limit: 100 },
  flow: {},
};

export class App extends Component {
  constructor() {
    super();
    const place = readPlace(location.search);
    this.state = {
      place,
      rows: FIRST_ROWS[place.view],
      doc: null,
      server: null,
      isLinked: null,
      gone: "",
      isHelpOpen: false,
      selected: -1,
      error: "",
    };
    // Where to go back to from one metric.
    this.list = place.view === "metric" ? placeOf("metrics") : place;
    this.listSelected = -1;
    this.stream = new Stream({
      document: (view, request, doc) => this.take(view, request, doc),
      state: (server) => this.setState({ server }),
      gone: (gone) => this.setState({ gone, doc: null }),
      link: (isLinked) => this.setState({ isLinked }),
    });
  }

  componentDidMount() {
    addEventListener("popstate", () => {
      const place = readPlace(location.search);
      this.show(place);
    });
    addEventListener("keydown", (event) => handleKey(event, this));
    this.ask();
  }

  componentDidUpdate() {
    const { place } = this.state;
    const title = TABS.find((tab) => tab.view === place.view)?.title ?? place.name;
    document.title = `${title} · statsd-trio dev`;
  }

  ask() {
    this.stream.ask(writeRequest(this.state.place, this.state.rows));
  }

  take(view, request, doc) {
    // What comes late for an earlier question is not shown.
    if (view !== this.state.place.view || request !== this.stream.request) return;
    this.setState({ doc, gone: "", isLinked: true });
  }

  /** Go to another place; the way back leads here. */
  go(place) {
    history.pushState(null, "", writePlace(place));
    this.show(place);
  }

  /** Change the present place, which is no step to go back over. */
  refine(changes) {
    const place = { ...this.state.place, ...changes };
    history.replaceState(null, "", writePlace(place));
    this.show(place);
  }

  show(place) {
    const now = this.state.place;
    const isSame =
      place.view === now.view && (place.name === now.name || place.view !== "metric");
    if (place.view !== "metric") this.list = place;
    this.setState(
      {
        place,
        // What is there stays until its successor comes: nothing flickers.
        doc: isSame ? this.state.doc : null,
        rows: isSame ? this.state.rows : FIRST_ROWS[place.view],
        gone: isSame ? this.state.gone : "",
        selected: isSame && place.q === now.q ? this.state.selected : -1,
      },
      () => this.ask(),
    );
  }

  back() {
    if (this.state.place.view === "metric") {
      this.go(this.list);
      this.select(this.listSelected);
    } else if (this.state.place.name) this.refine({ name: "" });
    else if (this.state.place.q) this.refine({ q: "" });
  }

  setRows(rows) {
    this.setState({ rows }, () => this.ask());
  }

  select(selected) {
    this.listSelected = selected;
    this.setState({ selected });
  }

  async change(action) {
    try {
      this.setState({ server: await change(action), error: "" });
    } catch (error) {
      this.setState({ error: `Could not ${action}. ${error.message}` });
    }
  }

  render(_, state) {
    const View = VIEWS[state.place.view];
    return html`
      <${Header} app=${this} ...${state} />
      <${Notices} app=${this} ...${state} />
      <main id="view" aria-busy=${state.doc ? "false" : "true"}>
        <${View} key=${state.place.view} app=${this} ...${state} />
      </main>
      ${state.isHelpOpen && html`<${KeyHelp} app=${this} />`}
    `;
  }
}
